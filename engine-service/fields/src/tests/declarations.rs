//! The declarations beside what Falco 0.44 declares (libsinsp/sinsp_filtercheck_*.cpp and the plugins' `get_fields`).

use std::collections::{BTreeMap, BTreeSet};

use rule_language::{ArgumentError, ArgumentKind, ArgumentNotation, Catalogue as _, FieldInfo, FieldType};

use crate::catalogue;

/// Class, its short description, type, and all fields that have both.
const FIELDS: &[(&str, &str, &str, &str)] = &[
    ("evt", "All event types", "UINT64", "evt.num"),
    ("evt", "All event types", "ABSTIME", "evt.rawtime evt.rawtime.s evt.rawtime.ns"),
    ("evt", "All event types", "RELTIME", "evt.reltime evt.reltime.s evt.reltime.ns"),
    ("evt", "All event types", "BOOL", "evt.is_async"),
    (
        "evt",
        "All event types",
        "CHARBUF",
        "evt.time evt.time.s evt.time.iso8601 evt.datetime evt.datetime.s evt.pluginname evt.plugininfo evt.source
         evt.asynctype evt.hostname",
    ),
    (
        "evt",
        "Syscall events only",
        "RELTIME",
        "evt.latency evt.latency.s evt.latency.ns evt.deltatime evt.deltatime.s evt.deltatime.ns evt.wait_latency",
    ),
    (
        "evt",
        "Syscall events only",
        "CHARBUF",
        "evt.latency.human evt.outputtime evt.dir evt.type syscall.type evt.category evt.args evt.arg evt.info evt.res
         evt.io_dir evt.abspath evt.infra.docker.name evt.infra.docker.container.id
         evt.infra.docker.container.name evt.infra.docker.container.image",
    ),
    (
        "evt",
        "Syscall events only",
        "UINT32",
        "evt.type.is evt.count evt.count.error evt.count.error.file evt.count.error.net evt.count.error.memory
         evt.count.error.other evt.count.exit evt.count.procinfo evt.count.threadinfo",
    ),
    ("evt", "Syscall events only", "INT16", "evt.cpu"),
    ("evt", "Syscall events only", "DYNAMIC", "evt.rawarg"),
    ("evt", "Syscall events only", "BYTEBUF", "evt.buffer"),
    ("evt", "Syscall events only", "INT64", "evt.rawres"),
    (
        "evt",
        "Syscall events only",
        "UINT64",
        "evt.latency.quantized evt.buflen evt.around evt.buflen.in evt.buflen.out evt.buflen.file evt.buflen.file.in
         evt.buflen.file.out evt.buflen.net evt.buflen.net.in evt.buflen.net.out",
    ),
    (
        "evt",
        "Syscall events only",
        "BOOL",
        "evt.failed evt.is_io evt.is_io_read evt.is_io_write evt.is_wait evt.is_syslog evt.is_open_read
         evt.is_open_write evt.is_open_exec evt.is_open_create",
    ),
    (
        "process",
        "",
        "CHARBUF",
        "proc.exe proc.pexe proc.aexe proc.exepath proc.pexepath proc.aexepath proc.name proc.pname proc.aname proc.args
         proc.aargs proc.cmdline proc.pcmdline proc.acmdline proc.exeline proc.env proc.aenv proc.cwd proc.sname
         proc.sid.exe proc.sid.exepath proc.vpgid.name proc.vpgid.exe proc.vpgid.exepath proc.pgid.name proc.pgid.exe
         proc.pgid.exepath thread.cap_permitted thread.cap_inheritable thread.cap_effective thread.nametid
         thread.cgroups thread.cgroup proc.stdin.type proc.stdout.type proc.stderr.type proc.stdin.name
         proc.stdout.name proc.stderr.name",
    ),
    (
        "process",
        "",
        "UINT64",
        "proc.cmdnargs proc.cmdlenargs proc.pidns_init_start_ts proc.fdopencount proc.vmsize proc.vmrss proc.vmswap
         thread.pfmajor thread.pfminor proc.nthreads proc.nchilds thread.vmsize thread.vmrss thread.vmsize.b
         thread.vmrss.b",
    ),
    (
        "process",
        "",
        "INT64",
        "proc.loginshellid proc.pid proc.ppid proc.apid proc.vpid proc.pvpid proc.sid proc.vpgid proc.pgid proc.exe_ino
         proc.fdlimit thread.tid thread.vtid",
    ),
    ("process", "", "UINT32", "proc.tty"),
    (
        "process",
        "",
        "RELTIME",
        "proc.duration proc.ppid.duration proc.pid.ts proc.ppid.ts thread.exectime thread.totexectime",
    ),
    (
        "process",
        "",
        "BOOL",
        "proc.is_exe_writable proc.is_exe_upper_layer proc.is_exe_lower_layer proc.is_exe_from_memfd proc.is_sid_leader
         proc.is_vpgid_leader proc.is_pgid_leader thread.ismain",
    ),
    (
        "process",
        "",
        "ABSTIME",
        "proc.exe_ino.ctime proc.exe_ino.mtime proc.exe_ino.ctime_duration_proc_start
         proc.exe_ino.ctime_duration_pidns_start",
    ),
    ("process", "", "DOUBLE", "proc.fdusage thread.cpu thread.cpu.user thread.cpu.system"),
    ("user", "", "UINT32", "user.uid"),
    ("user", "", "INT64", "user.loginuid"),
    ("user", "", "CHARBUF", "user.name user.homedir user.shell user.loginname"),
    ("group", "", "UINT32", "group.gid"),
    ("group", "", "CHARBUF", "group.name"),
    ("fd", "", "INT64", "fd.num fd.ino"),
    ("fd", "", "INT32", "fd.dev fd.dev.major fd.dev.minor"),
    (
        "fd",
        "",
        "CHARBUF",
        "fd.type fd.typechar fd.name fd.directory fd.filename fd.l4proto fd.sockfamily fd.uid fd.containername
         fd.containerdirectory fd.cproto fd.sproto fd.lproto fd.rproto fd.cip.name fd.sip.name fd.lip.name fd.rip.name
         fd.nameraw fd.types",
    ),
    ("fd", "", "IPADDR", "fd.ip fd.cip fd.sip fd.lip fd.rip"),
    ("fd", "", "PORT", "fd.port fd.cport fd.sport fd.lport fd.rport fd.proto"),
    ("fd", "", "IPNET", "fd.net fd.cnet fd.snet fd.lnet fd.rnet"),
    ("fd", "", "BOOL", "fd.is_server fd.connected fd.name_changed fd.is_upper_layer fd.is_lower_layer"),
    (
        "fs.path",
        "",
        "CHARBUF",
        "fs.path.name fs.path.nameraw fs.path.source fs.path.sourceraw fs.path.target fs.path.targetraw",
    ),
    ("fdlist", "", "CHARBUF", "fdlist.nums fdlist.names fdlist.cips fdlist.sips fdlist.cports fdlist.sports"),
    ("util", "", "UINT64", "util.cnt"),
    ("static", "", "CHARBUF", "static"),
    (
        "container",
        "",
        "CHARBUF",
        "container.id container.full_id container.name container.image container.image.id container.type
         container.mounts container.mount container.mount.source container.mount.dest container.mount.mode
         container.mount.rdwr container.mount.propagation container.image.repository container.image.tag
         container.image.digest container.healthcheck container.liveness_probe container.readiness_probe container.ip
         container.cni.json container.label container.labels k8s.pod.name k8s.ns.name k8s.pod.id k8s.pod.uid
         k8s.pod.sandbox_id k8s.pod.full_sandbox_id k8s.pod.label k8s.pod.labels k8s.pod.ip k8s.pod.cni.json
         k8s.rc.name k8s.rc.id k8s.rc.label k8s.rc.labels k8s.svc.name k8s.svc.id k8s.svc.label k8s.svc.labels k8s.ns.id
         k8s.ns.label k8s.ns.labels k8s.rs.name k8s.rs.id k8s.rs.label k8s.rs.labels k8s.deployment.name
         k8s.deployment.id k8s.deployment.label k8s.deployment.labels",
    ),
    (
        "container",
        "",
        "BOOL",
        "container.privileged container.host_pid container.host_network container.host_ipc
         proc.is_container_healthcheck proc.is_container_liveness_probe proc.is_container_readiness_probe",
    ),
    ("container", "", "ABSTIME", "container.start_ts"),
    ("container", "", "RELTIME", "container.duration"),
    (
        "k8smeta",
        "",
        "CHARBUF",
        "k8smeta.pod.name k8smeta.pod.uid k8smeta.pod.label k8smeta.pod.labels k8smeta.pod.ip k8smeta.ns.name
         k8smeta.ns.uid k8smeta.ns.label k8smeta.ns.labels k8smeta.deployment.name k8smeta.deployment.uid
         k8smeta.deployment.label k8smeta.deployment.labels k8smeta.svc.name k8smeta.svc.uid k8smeta.svc.label
         k8smeta.svc.labels k8smeta.rs.name k8smeta.rs.uid k8smeta.rs.label k8smeta.rs.labels k8smeta.rc.name
         k8smeta.rc.uid k8smeta.rc.label k8smeta.rc.labels",
    ),
    ("json", "", "CHARBUF", "json.value json.obj json.rawtime jevt.value jevt.obj jevt.rawtime"),
    ("k8s.peer", "", "CHARBUF", PEER),
    ("host", "", "CHARBUF", HOST),
    ("host", "", "IPADDR", "host.ip"),
    ("cloud", "", "CHARBUF", CLOUD),
    ("eyrie", "", "CHARBUF", "proc.exec_id proc.pexec_id fd.resolved"),
    ("eyrie", "", "BOOL", "proc.is_exe_deleted proc.is_truncated fd.is_disputed evt.is_io_uring evt.loss"),
];

const PEER: &str = "k8s.peer.kind k8s.peer.name k8s.peer.ns k8s.peer.uid k8s.peer.label k8s.peer.labels";
const HOST: &str =
    "host.name host.id host.boot_id host.kernel host.os host.arch host.label host.labels host.tenant";
const CLOUD: &str =
    "cloud.provider cloud.account cloud.region cloud.zone cloud.instance.id cloud.instance.type
     cloud.image.id cloud.tag cloud.tags";

/// A class by name and short description, with the name of a type.
type Group = (&'static str, &'static str, &'static str);

/// The names of fields for which something holds.
fn names(holds: impl Fn(&FieldInfo) -> bool) -> BTreeSet<&'static str> {
    catalogue().fields().iter().filter(|info| holds(info)).map(|info| info.name).collect()
}

/// Whether a field is of Falco's core, and neither of a plugin nor our own.
pub(super) fn is_of_core(info: &FieldInfo) -> bool {
    let others = ["static", "container", "k8smeta", "json", "eyrie", "host", "cloud", "k8s.peer"];
    !others.contains(&info.class.name)
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split_whitespace().collect()
}

/// Scenario: every field that Falco 0.44 and its container, k8smeta and json plugins have, by class and type.
/// Guarantees: ours are the same, and no more but the classes of our own.
#[test]
fn fields_have_falcos_classes_and_types() {
    let mut declared: BTreeMap<Group, BTreeSet<&str>> = BTreeMap::new();
    for info in catalogue().fields() {
        let class = (info.class.name, info.class.short_description, info.field_type.falco_name());
        assert!(declared.entry(class).or_default().insert(info.name), "{} is there twice", info.name);
    }
    let expected: BTreeMap<Group, BTreeSet<&str>> =
        FIELDS.iter().map(|(class, short, name, fields)| ((*class, *short, *name), words(fields))).collect();
    for (group, fields) in &expected {
        assert_eq!(declared.get(group), Some(fields), "{group:?}");
    }
    assert_eq!(declared.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
}

/// Scenario: how many fields Falco has. Guarantees: 233 of the core, 213 of them listed as Falco lists them, and the
/// plugins' 61, 25 and 6.
#[test]
fn fields_are_as_many_as_falcos() {
    let in_class = |class: &str| names(|info| info.class.name == class).len();
    assert_eq!(names(is_of_core).len(), 233);
    assert_eq!(names(|info| is_of_core(info) && info.is_listed).len(), 213);
    assert_eq!((in_class("container"), in_class("k8smeta"), in_class("json")), (61, 25, 6));
}

/// Scenario: Falco's flags of fields. Guarantees: each is on the same fields here.
#[test]
fn fields_have_falcos_flags() {
    let ancestors = "proc.aexe proc.aexepath proc.aname proc.aargs proc.acmdline proc.aenv proc.apid";
    let ends = "fd.ip fd.port fd.proto fd.net fd.cnet fd.snet fd.lnet fd.rnet";
    let named = "fd.cip.name fd.sip.name fd.lip.name fd.rip.name";
    assert_eq!(
        names(|info| !info.allowed_in_transformer),
        words(&format!("evt.rawarg evt.around {ancestors} {ends} {named}"))
    );
    assert_eq!(
        names(|info| !info.allowed_on_rhs),
        words(&format!("evt.rawarg evt.around fd.types {ancestors} {ends} {named}"))
    );
    assert_eq!(names(|info| !info.allowed_in_output), words(&format!("evt.around {ends}")));
    assert_eq!(
        names(|info| info.is_list),
        words(
            "fd.types k8smeta.pod.labels k8smeta.ns.labels k8smeta.deployment.labels k8smeta.rs.labels
             k8smeta.rc.labels k8smeta.svc.name k8smeta.svc.uid k8smeta.svc.label k8smeta.svc.labels host.ip"
        )
    );
    assert_eq!(
        names(|info| info.is_deprecated && info.class.name == "evt"),
        words(
            "evt.latency evt.latency.s evt.latency.ns evt.latency.quantized evt.latency.human evt.wait_latency evt.dir"
        )
    );
    assert_eq!(
        names(|info| info.is_suggested_output),
        words(
            "container.id container.name container.image.repository container.image.tag k8s.pod.name k8s.ns.name"
        )
    );
    assert_eq!(
        names(|info| !info.is_listed),
        words(
            "evt.latency.quantized evt.outputtime evt.count.procinfo evt.count.threadinfo evt.buflen.in evt.buflen.out
             evt.buflen.file evt.buflen.file.in evt.buflen.file.out evt.buflen.net evt.buflen.net.in evt.buflen.net.out
             evt.infra.docker.name evt.infra.docker.container.id evt.infra.docker.container.name
             evt.infra.docker.container.image thread.nametid thread.vmsize.b thread.vmrss.b util.cnt"
        )
    );
}

/// Scenario: fields with arguments. Guarantees: they take what Falco takes, and need it where Falco does.
#[test]
fn fields_have_falcos_arguments() {
    let taking = |kind: ArgumentKind, is_required: bool| {
        names(|info| info.argument == Some(kind) && info.argument_required == is_required)
    };
    assert_eq!(
        taking(ArgumentKind::Index, false),
        words("proc.aexe proc.aexepath proc.aname proc.args proc.aargs proc.acmdline proc.apid fd.types")
    );
    assert_eq!(taking(ArgumentKind::Index, true), words("evt.around"));
    assert_eq!(taking(ArgumentKind::Key, false), words("evt.abspath proc.env"));
    assert_eq!(
        taking(ArgumentKind::Key, true),
        words(
            "evt.type.is evt.rawarg thread.cgroup static container.label k8s.pod.label k8s.rc.label k8s.svc.label k8s.ns.label
             k8s.rs.label k8s.deployment.label k8smeta.pod.label k8smeta.ns.label k8smeta.deployment.label
             k8smeta.svc.label k8smeta.rs.label k8smeta.rc.label k8s.peer.label host.label cloud.tag json.value jevt.value"
        )
    );
    assert_eq!(taking(ArgumentKind::IndexOrKey, false), words("proc.aenv"));
    assert_eq!(
        taking(ArgumentKind::IndexOrKey, true),
        words(
            "evt.arg container.mount container.mount.source container.mount.dest container.mount.mode
             container.mount.rdwr container.mount.propagation"
        )
    );
    assert_eq!(
        names(|info| info.notation != ArgumentNotation::Brackets),
        words("evt.arg evt.rawarg evt.type.is evt.abspath thread.cgroup static")
    );
}

/// What a name in a rule means, as `field(argument): type` or as the error.
fn resolved(written: &str) -> String {
    let (name, bracketed) = match written.split_once('[') {
        Some((name, argument)) => (name, Some(argument.trim_end_matches(']'))),
        None => (written, None),
    };
    let Some((id, dotted)) = catalogue().lookup(name) else { return "nonexistent".to_owned() };
    let argument = dotted.or(bracketed);
    match catalogue().type_of(id, argument) {
        Ok(field_type) => {
            let name = catalogue().info(id).name;
            let argument = argument.map(|argument| format!("({argument})")).unwrap_or_default();
            format!("{name}{argument}: {}", field_type.falco_name())
        }
        Err(error) => error.to_string(),
    }
}

/// Scenario: names with arguments behind dots and in brackets. Guarantees: the longest field's name wins; what no field
/// takes is refused; `evt.rawarg` has the type that Falco's table first has for a parameter of that name.
#[test]
fn names_are_looked_up_with_their_arguments() {
    for (written, expected) in [
        ("evt.arg.flags", "evt.arg(flags): CHARBUF"),
        ("evt.arg[0]", "evt.arg(0): CHARBUF"),
        ("evt.args", "evt.args: CHARBUF"),
        ("evt.rawarg.flags", "evt.rawarg(flags): FLAGS32"),
        ("evt.rawarg.res", "evt.rawarg(res): ERRNO"),
        ("evt.rawarg.name", "evt.rawarg(name): FSPATH"),
        ("evt.rawarg.size", "evt.rawarg(size): UINT32"),
        ("evt.rawarg.tuple", "evt.rawarg(tuple): SOCKTUPLE"),
        ("evt.type.is.open", "evt.type.is(open): UINT32"),
        ("evt.type", "evt.type: CHARBUF"),
        ("evt.abspath", "evt.abspath: CHARBUF"),
        ("evt.abspath.src", "evt.abspath(src): CHARBUF"),
        ("evt.around[1404996934793590564]", "evt.around(1404996934793590564): UINT64"),
        ("thread.cgroup.cpu", "thread.cgroup(cpu): CHARBUF"),
        ("thread.cgroups", "thread.cgroups: CHARBUF"),
        ("evt.time.iso8601", "evt.time.iso8601: CHARBUF"),
        ("proc.aname[2]", "proc.aname(2): CHARBUF"),
        ("proc.env[HOME]", "proc.env(HOME): CHARBUF"),
        ("container.label[a]", "container.label(a): CHARBUF"),
        ("evt.arg.nothing", "unknown event argument nothing"),
        ("evt.rawarg.nothing", "unknown event argument nothing"),
        ("evt.arg", "field 'evt.arg' requires an argument, as in 'evt.arg.name'"),
        ("thread.cgroup", "field 'thread.cgroup' requires an argument, as in 'thread.cgroup.name'"),
        ("proc.aname[x]", "field 'proc.aname' takes a number as its argument, not 'x'"),
        ("proc.name[x]", "nonexistent field 'proc.name[x]': 'proc.name' takes no argument"),
        ("evt.abspath.both", "field 'evt.abspath' takes src or dst as its argument, not 'both'"),
        ("container.label.a", "nonexistent"),
        ("proc.nothing", "nonexistent"),
        ("evt", "nonexistent"),
        ("", "nonexistent"),
    ] {
        assert_eq!(resolved(written), expected, "{written}");
    }
    let flags = catalogue().field("evt.arg").map(|id| catalogue().type_of(id, Some("flagsx")));
    assert!(matches!(flags, Some(Err(ArgumentError::NotAmong { .. }))), "{flags:?}");
}

/// Scenario: every field that Falco's stock rules use. Guarantees: each has data.
#[test]
fn stock_rules_have_data() {
    const STOCK: &str = "evt.type evt.arg evt.res evt.rawres evt.is_open_read evt.is_open_write evt.num evt.args
        evt.is_open_exec evt.buffer fd.name fd.directory fd.typechar fd.l4proto fd.type fd.lport fd.rport fd.num fd.net
        fd.sport fd.ip fd.sip.name fd.filename fd.connected fd.name_changed fd.snet fd.sip fd.nameraw fd.cip.name
        fd.sockfamily fd.port fd.rnet fd.cip fd.cnet fd.rip.name fd.lip.name fd.rip proc.name proc.cmdline proc.pname
        proc.aname proc.tty proc.exepath proc.args proc.pcmdline proc.pexe proc.exe proc.cwd proc.env proc.vpid
        proc.pexepath proc.sname proc.duration proc.is_exe_upper_layer proc.is_exe_from_memfd proc.aexe
        proc.is_vpgid_leader proc.aexepath proc.exe_ino.ctime proc.exe_ino.mtime
        proc.exe_ino.ctime_duration_proc_start thread.cap_permitted thread.cap_effective user.name user.uid
        user.loginuid user.loginname group.gid group.name container.image.repository container.mount.dest container.id
        container.privileged container.start_ts container.mounts k8s.ns.name k8s.pod.name";
    let without_data = names(|info| info.absent_because.is_some());
    let missing: Vec<_> = words(STOCK).into_iter().filter(|name| without_data.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(words(STOCK).into_iter().all(|name| catalogue().field(name).is_some()));
}

/// Scenario: descriptions. Guarantees: each is a text of its own that starts like the others and is no longer than a
/// listing can show.
#[test]
fn fields_are_described() {
    for info in catalogue().fields() {
        let description = info.description;
        assert!(!description.is_empty() && !description.ends_with('.'), "{}", info.name);
        assert!(description.len() <= 320, "{}", info.name);
        assert!(info.field_type != FieldType::Dyn || info.name == "evt.rawarg");
    }
}
