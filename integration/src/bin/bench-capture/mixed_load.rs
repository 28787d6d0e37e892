//! A fixed mixture of what hosts do: shells, a build, scans of files, and HTTP on loopback.
//!
//! The same calls each time, but for how often somebody waits. All of it happens in one folder, which is prepared before and
//! left as it was.

mod http;
mod sources;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use integration::measured::needs::{LOAD_CPU, pin_to};

/// Requests over connections of their own, and over one.
const REQUESTS: usize = 2_000;

/// Shells that start the programs that scripts are made of.
const SHELL: &str = r#"
for i in $(seq 1 60); do
  n=$(printf '%03d' "$i")
  echo "line $n" > "shell/$n.txt"
  if [ -f "shell/$n.txt" ]; then read -r line < "shell/$n.txt"; fi
  sum=$((i * 7 % 13))
  upper=$(echo "$line" | tr a-z A-Z | cut -d ' ' -f 1)
  case "$upper" in LINE) : ;; *) exit 1 ;; esac
  sort "shell/$n.txt" | sed -e "s/line/$sum/" | head -n 1 > "shell/$n.out"
  (cd shell && basename "$n.txt" .txt > "$n.name" && date +%s > "$n.date")
  mkdir -p "shell/d$n/e" && mv "shell/$n.out" "shell/d$n/e/" && chmod 600 "shell/d$n/e/$n.out"
  ln -s "../$n.txt" "shell/d$n/link" && test -L "shell/d$n/link"
done
rm -r shell/*
"#;

/// A build from nothing, one after a change, one with nothing to do.
const BUILD: &str = r"
make -s -C build
build/program > build/said
touch build/unit_007.c
make -s -C build
make -s -C build
make -s -C build clean
rm build/said
";

/// What backups, searches and checks of files do.
const SCANS: &str = r"
find tree -type f | wc -l > scans/count
find tree -name '*7.txt' -exec cat {} + | wc -c > scans/size
grep -rl 'needle 77' tree > scans/found
cp -r tree scans/copy
find scans/copy -type f -newer tree -exec chmod 640 {} +
find scans/copy -type d -exec ls -l {} + > scans/list
for f in tree/d01/*; do cat $f > /dev/null; cmp -s $f scans/copy/d01/${f##*/}; done
rm -r scans/copy
rm scans/*
";

/// Writes what the load works on.
pub(crate) fn prepare(folder: &Path) -> anyhow::Result<()> {
    for name in ["shell", "scans"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    sources::write_program(&folder.join("build"))?;
    sources::write_tree(&folder.join("tree"))
}

/// Does it all once, on the load's processor.
pub(crate) fn run(folder: &Path) -> anyhow::Result<()> {
    pin_to(&[LOAD_CPU])?;
    for (name, script) in [("shells", SHELL), ("build", BUILD), ("scans", SCANS)] {
        let mut shell = Command::new("sh");
        // Of make above this one, and of what languages and colours there are, nothing is to be passed on.
        shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
        let status = shell.args(["-ec", script]).current_dir(folder).stdin(Stdio::null()).status();
        ensure!(status.with_context(|| format!("cannot run the {name}"))?.success(), "the {name} failed");
    }
    http::exchange(&folder.join("tree/d01/f001.txt"), REQUESTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the load is done twice in one folder. Guarantees: it succeeds both times, so that it leaves what it needs, and nothing else.
    #[test]
    fn the_load_leaves_its_folder_as_it_was() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        prepare(folder.path()).unwrap();
        let names = || {
            let listed = Command::new("find").arg(folder.path()).output().unwrap();
            let mut names: Vec<_> =
                String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect();
            names.sort();
            names
        };
        let before = names();
        std::thread::spawn({
            let folder = folder.path().to_owned();
            move || (0..2).try_for_each(|_| run(&folder))
        })
        .join()
        .unwrap()
        .unwrap();
        assert_eq!(names(), before);
    }
}
