//! What is asked for beside what is reached.

use eyrie_proto::event::{ChangeDirectory, Open, PathArgument, PathCall, event::Kind};

use super::fixture::{call, check, host, open, path, show_in, view};

/// Scenario: an open through a symbolic link, the directory that a chdir reached, and an unlink, of which the kernel tells nothing more. Guarantees:
/// by the kernel's names the path fields show what was reached; what the program gave stays; without another name there is no second view.
#[test]
fn the_kernels_names_take_the_place_of_those_asked_for() {
    let mut event = open("/run/link", "/etc/shadow");
    if let Some(Kind::Open(Open { path: Some(path), .. })) = &mut event.kind {
        path.resolved = b"/etc/shadow".to_vec();
    }
    let host = host();
    let asked = view(&event, &host);
    let resolved = asked.resolved().expect("another name");
    for (name, first, second) in [
        ("fd.name", "/run/link", "/etc/shadow"),
        ("fd.directory", "/run", "/etc"),
        ("fd.filename", "link", "shadow"),
        ("fs.path.name", "/run/link", "/etc/shadow"),
        ("evt.abspath", "/run/link", "/etc/shadow"),
        ("evt.arg[name]", "/run/link", "/run/link"),
        ("fd.nameraw", "/run/link", "/run/link"),
        ("fs.path.nameraw", "/run/link", "/run/link"),
        ("evt.rawarg[name]", "/run/link", "/run/link"),
        ("fd.resolved", "/etc/shadow", "/etc/shadow"),
        ("fd.is_disputed", "true", "true"),
    ] {
        assert_eq!((&*show_in(name, &asked), &*show_in(name, &resolved)), (first, second), "{name}");
    }
    let change = ChangeDirectory {
        path: Some(PathArgument { resolved: b"/srv".to_vec(), ..path("/link") }),
        working_directory: b"/srv".to_vec(),
    };
    check(
        &call(80, 0, Kind::ChangeDirectory(change)),
        &host,
        &[("fd.resolved", "/srv"), ("fd.name", "<absent>")],
    );
    let unlink =
        call(87, 0, Kind::PathCall(PathCall { path: Some(path("/run/link")), ..PathCall::default() }));
    check(&unlink, &host, &[("fd.is_disputed", "<absent>")]);
    assert!(view(&unlink, &host).resolved().is_none());
    assert!(view(&open("/etc//shadow", "/etc/shadow"), &host).resolved().is_none());
}
