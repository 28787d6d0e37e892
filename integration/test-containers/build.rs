//! Compiles what makes pods, with protox, so that no `protoc` has to be installed.

use std::error::Error;

/// The reading side, whose messages the making side shares.
const AGENT: &str = "../../capture-agent";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed={AGENT}/proto/cri_messages.proto");
    let files = protox::compile(["proto/cri_making.proto"], [".", AGENT])?;
    tonic_prost_build::configure().build_server(false).btree_map(".").compile_fds(files)?;
    Ok(())
}
