//! What a test needs of its machine, and the book of the tests that had to be skipped.
//!
//! A test that needs more than a compiler asks for it in its first lines:
//!
//! ```
//! use test_requirements::{Requirement, requires};
//!
//! # fn a_test() {
//! requires!(Requirement::Data);
//! // ... what follows runs only where the need is met ...
//! # }
//! ```
//!
//! Where the need is not met the test returns, says why on standard error, and adds a line to the file that
//! `EYRIE_SKIP_LOG` names; `make test` counts those lines and prints the count last. `EYRIE_REQUIRE=kernel,data`
//! lists needs that must be met: there a skip is a failure.
#![forbid(unsafe_code)]

use std::{fmt, fs, io::Write, path::PathBuf, process::Command};

/// Of Debian's busybox-static.
const BUSYBOX: &str = "/bin/busybox";

/// Something of the machine that a test cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Root, a kernel with BTF, and permission to load BPF programs.
    Kernel,
    /// Daemons of Debian's: `podman` with `runc`, `dockerd`, `containerd` and `nats-server`; and a static busybox to make an
    /// image of.
    Containers,
    /// The test data beside the project (`shared/data`, or where `EYRIE_DATA` points).
    Data,
}

/// Returns from the calling test, after saying so and booking it, unless the requirement is met.
///
/// Panics, and so fails the test, where `EYRIE_REQUIRE` lists the requirement. A test that returns a value names it as
/// the second argument: `requires!(Requirement::Kernel, Ok(()))`.
#[macro_export]
macro_rules! requires {
    ($requirement:expr) => {
        $crate::requires!($requirement, ())
    };
    ($requirement:expr, $returned:expr) => {
        if !$crate::met_or_booked($requirement, module_path!(), line!()) {
            return $returned;
        }
    };
}

/// Whether `requirement` is met; books the skip of the test at `module`:`line` if not. Use [`requires!`].
pub fn met_or_booked(requirement: Requirement, module: &str, line: u32) -> bool {
    let Err(reason) = requirement.check() else { return true };
    let test = std::thread::current().name().unwrap_or("unnamed").to_owned();
    let entry = format!("{module}::{test} (line {line}): needs {requirement}: {reason}");
    assert!(!required(requirement), "{entry}; EYRIE_REQUIRE lists {requirement}, so this is a failure");
    eprintln!("skipped: {entry}");
    if let Some(path) = std::env::var_os("EYRIE_SKIP_LOG") {
        let mut log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap_or_else(|error| panic!("cannot book a skip in {}: {error}", path.display()));
        writeln!(log, "{entry}").unwrap_or_else(|error| panic!("cannot book a skip: {error}"));
    }
    false
}

/// The folder with the stock Falco rules and captures: `EYRIE_DATA`, or `shared/data` beside the project.
pub fn data_dir() -> PathBuf {
    std::env::var_os("EYRIE_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"))
}

fn required(requirement: Requirement) -> bool {
    let listed = std::env::var("EYRIE_REQUIRE").unwrap_or_default();
    listed.split(',').any(|name| name.trim() == requirement.to_string())
}

fn is_root() -> bool {
    // The owner of /proc/self is the effective user of this process.
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

// === impl Requirement ===

impl Requirement {
    /// Whether this machine meets the requirement, or what is missing.
    pub fn check(self) -> Result<(), String> {
        match self {
            Self::Kernel if !is_root() => Err("not root".to_owned()),
            Self::Kernel if fs::metadata("/sys/kernel/btf/vmlinux").is_err() => {
                Err("no kernel BTF at /sys/kernel/btf/vmlinux".to_owned())
            }
            Self::Containers if !is_root() => Err("not root".to_owned()),
            Self::Containers => {
                let is_static =
                    Command::new("ldd").arg(BUSYBOX).output().is_ok_and(|ldd| !ldd.status.success());
                if !is_static || fs::metadata(BUSYBOX).is_err() {
                    return Err(format!("no static {BUSYBOX}"));
                }
                let programs = ["podman", "runc", "dockerd", "containerd", "nats-server"];
                programs.into_iter().try_for_each(|program| {
                    match Command::new(program).arg("--version").output() {
                        Ok(output) if output.status.success() => Ok(()),
                        _ => Err(format!("{program} does not run")),
                    }
                })
            }
            Self::Data if !data_dir().is_dir() => Err(format!("no folder {}", data_dir().display())),
            Self::Kernel | Self::Data => Ok(()),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Containers => "containers",
            Self::Data => "data",
        })
    }
}
