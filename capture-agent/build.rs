//! Compiles what the agent asks of container runtimes, with protox, so that no `protoc` has to be installed.

use std::error::Error;

const FILES: &[&str] = &[
    "proto/cri.proto",
    "proto/containerd_containers.proto",
    "proto/containerd_events.proto",
    "proto/containerd_images.proto",
    "proto/containerd_namespaces.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    // Servers are for tests.
    tonic_prost_build::configure().btree_map(".").compile_fds(protox::compile(FILES, ["."])?)?;
    Ok(())
}
