//! Compiles the contract with protox, so that no `protoc` has to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: &[&str] = &[
    "eyrie/alert/v1/alert.proto",
    "eyrie/alert/v1/alert_service.proto",
    "eyrie/capture/v1/capture.proto",
    "eyrie/capture/v1/host.proto",
    "eyrie/capture/v1/plan.proto",
    "eyrie/capture/v1/plan_service.proto",
    "eyrie/event/v1/event.proto",
    "eyrie/metadata/v1/metadata.proto",
    "eyrie/recording/v1/recording.proto",
    "eyrie/recording/v1/recording_service.proto",
    "eyrie/rules/v1/rules.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=eyrie");
    let descriptors = protox::compile(FILES, ["."])?;
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    // For gRPC reflection, and for the check against breaking changes.
    fs::write(out_dir.join("eyrie.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .btree_map(".")
        .codec_path("crate::SliceCodec")
        // Most containers have none, and it is many times as large as the rest.
        .boxed(".eyrie.metadata.v1.Container.kubernetes")
        .compile_fds(descriptors)?;
    Ok(())
}
