use std::sync::Arc;

use super::{
    CALL_BITMAP_WORDS, COUNTERS_PER_CLASS, Described, DescriptorInfo, Endpoint, FILTERS_PER_BANK, Field,
    FieldPlace, FileInfo, HOST_CGROUP_BUCKETS, HOST_CGROUPS_PER_BUCKET, Header, PART_BYTES, PATH_HEADS,
    PATH_KEY_BYTES, PathInfo, RECORD_BYTES_MAX, STEPS_MAX, TESTABLE_BYTES_MAX, btf::Btf, constants,
};
use crate::{
    Call, CallSet, Cgroup, CgroupController, ChangeDirectory, Clause, Config, Connect, DetailedCall, Exec,
    Exit, FailedExec, Filter, Filters, Fork, LossSource, Object, Open, PathTest, PlanBank, PlanFilters,
    RING_BYTES, Task, UringCompletion, UringRequest, ValueTest, calls,
};

/// What Rust calls otherwise than C.
fn c_name(field: &str) -> &str {
    match field {
        "raw_comm" => "comm",
        "raw_child_comm" => "child_comm",
        "r#type" => "type",
        other => other,
    }
}

fn assert_same(btf: &Btf, c_struct: &str, places: &[FieldPlace], size: usize) {
    let expected = &btf.structs[c_struct];
    let mut at = 0;
    let mut ours = Vec::new();
    for place in places {
        ours.push((c_name(place.name).to_owned(), at));
        at += place.size;
    }
    let theirs: Vec<_> = expected.members.iter().map(|member| (member.name.clone(), member.offset)).collect();
    assert_eq!(ours, theirs, "{c_struct}");
    assert_eq!((at, size), (expected.size, expected.size), "{c_struct}");
}

/// Scenario: the structures of records in the compiled object's BTF. Guarantees: each has the fields that Rust reads, by
/// name, at the same offsets, with nothing between or behind.
#[test]
fn structures_are_those_of_the_object() {
    let btf = Btf::of_object();
    macro_rules! same {
        ($($type:ty),*) => {
            $( assert_same(&btf, <$type>::C_NAME, <$type>::PLACES, <$type as Field<'_>>::SIZE); )*
        };
    }
    same!(Header, FileInfo, Endpoint, Fork, Exec<'_>, FailedExec<'_>, Exit, Open<'_>, Connect<'_>);
    same!(
        ChangeDirectory<'_>,
        Call,
        Task<'_>,
        Cgroup<'_>,
        DescriptorInfo<'_>,
        PathInfo<'_>,
        DetailedCall<'_>,
        UringRequest<'_>,
        UringCompletion<'_>,
        LossSource
    );
}

/// Scenario: the constants in the object's BTF. Guarantees: all values are the same, and neither side has one that the
/// other lacks.
#[test]
fn constants_are_those_of_the_object() {
    let btf = Btf::of_object();
    for (prefix, table) in [
        ("RECORD_", constants::kind::TABLE),
        ("FLAG_", constants::flag::TABLE),
        ("FILE_", constants::file_flag::TABLE),
        ("EXIT_", constants::exit_flag::TABLE),
        ("TASK_", constants::task_flag::TABLE),
        ("CGROUP_", constants::cgroup_flag::TABLE),
        ("HISTORY_", constants::history_flag::TABLE),
        ("CONTROLLER_", constants::controller::TABLE),
        ("COUNTER_", constants::counter::TABLE),
        ("STEP_", constants::step::TABLE),
        ("ARGUMENT_", constants::argument::TABLE),
        ("SUBJECT_", constants::subject::TABLE),
        ("END_", constants::end::TABLE),
        ("NEED_", constants::need::TABLE),
        ("TESTED_", constants::tested::TABLE),
    ] {
        let mut ours: Vec<_> = table.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let mut theirs: Vec<_> = btf
            .values
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && *name != "RECORD_BYTES_MAX")
            .map(|(name, value)| (name.clone(), *value))
            .collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs);
    }
    assert_eq!(btf.values["RECORD_BYTES_MAX"], RECORD_BYTES_MAX as u64);
    assert_eq!(btf.values["RING_BYTES"], u64::from(RING_BYTES));
    assert_eq!(btf.values["STEPS_MAX"], STEPS_MAX as u64);
    assert_eq!(btf.values["PART_BYTES"], u64::from(PART_BYTES));
    assert_eq!(btf.values["CALL_BITMAP_WORDS"], CALL_BITMAP_WORDS as u64);
    assert_eq!(btf.values["COUNTERS_PER_CLASS"], u64::from(COUNTERS_PER_CLASS));
    for (name, value) in [
        ("PLAN_BANKS", PlanBank::COUNT),
        ("FILTERS_PER_BANK", FILTERS_PER_BANK),
        ("FILTERS_PER_BANK", Filters::FILTERS_MAX + 1),
        ("CLAUSES_MAX", Filter::CLAUSES_MAX),
        ("VALUE_TESTS_MAX", Clause::VALUES_MAX),
        ("VALUES_MAX", ValueTest::VALUES_MAX),
        ("NETWORK_TESTS_MAX", Clause::NETWORKS_MAX),
        ("PATH_HEADS", PATH_HEADS),
        ("PATH_KEY_BYTES", PATH_KEY_BYTES),
        ("TESTABLE_BYTES_MAX", TESTABLE_BYTES_MAX),
        ("SUFFIX_BYTES_MAX", PathTest::SUFFIX_MAX),
        ("PATH_TESTS_MAX", Filters::PATHS_MAX),
        ("HOST_CGROUP_BUCKETS", HOST_CGROUP_BUCKETS),
        ("HOST_CGROUPS_PER_BUCKET", HOST_CGROUPS_PER_BUCKET),
    ] {
        assert_eq!(btf.values[name], value as u64, "{name}");
    }
}

/// Scenario: the tables of calls. Guarantees: both sides know the same calls by the same numbers.
#[test]
fn calls_are_those_of_the_object() {
    let btf = Btf::of_object();
    for (prefix, table) in [("NATIVE_", calls::NATIVE), ("COMPAT_", calls::COMPAT)] {
        let mut ours: Vec<_> =
            table.iter().map(|call| (format!("{prefix}{}", call.name), call.number)).collect();
        let mut theirs: Vec<_> = btf
            .values
            .iter()
            .filter(|(name, value)| name.starts_with(prefix) && **value < u64::from(CallSet::NUMBERS))
            .map(|(name, value)| (name.clone(), *value as u32))
            .collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs);
    }
}

/// Scenario: settings with a different value in each field. Guarantees: the encoder puts each where the C structure has
/// it, and fills all of it.
#[test]
fn the_encoder_writes_the_objects_structure() {
    let btf = Btf::of_object();
    let expected = &btf.structs["config"];
    assert_eq!(Config::BYTES, expected.size);
    let config = Config {
        plan_generation: 0x1111,
        loss_epoch: 0x2222,
        own_tgid: 0x3333,
        max_argument_bytes: 0x4444,
        max_environment_bytes: 0x5555,
        max_data_bytes: 0x7777,
        cgroup_hierarchy: 0x6666,
        cgroup_controller: Some(CgroupController::Cpuset),
        has_socket_history: true,
        calls: CallSet::from_iter([0, 511]),
        compat_calls: CallSet::from_iter([1]),
        state_calls: CallSet::from_iter([64]),
        compat_state_calls: CallSet::from_iter([130]),
        shed_calls: CallSet::from_iter([3]),
        compat_shed_calls: CallSet::from_iter([511]),
        processors_per_ring: 0x8888,
    };
    let bytes = config.encode(PlanBank::Second);
    let at = |name: &str| expected.members.iter().find(|member| member.name == name).unwrap().offset;
    let word =
        |name: &str, index: usize| u64::from_ne_bytes(bytes[at(name) + 8 * index..][..8].try_into().unwrap());
    let half = |name: &str| u32::from_ne_bytes(bytes[at(name)..][..4].try_into().unwrap());
    assert_eq!((word("loss_epoch", 0), half("own_tgid"), half("plan_bank")), (0x2222, 0x3333, 1));
    assert_eq!((half("cgroup_hierarchy"), half("cgroup_controller")), (0x6666, 8));
    assert_eq!((word("shed_calls", 0), word("compat_shed_calls", 7)), (8, 1 << 63));
    assert_eq!(half("processors_per_ring"), 0x8888);

    let filters = Filters {
        native: [(5, Arc::default())].into(),
        compat: [(511, Arc::default())].into(),
        verify_sample_ppm: 500_000,
        ..Filters::default()
    };
    let expected = &btf.structs["plan"];
    assert_eq!(Config::PLAN_BYTES, expected.size);
    let bytes = config.encode_plan(&PlanFilters::new(&filters).unwrap());
    let at = |name: &str| expected.members.iter().find(|member| member.name == name).unwrap().offset;
    let word =
        |name: &str, index: usize| u64::from_ne_bytes(bytes[at(name) + 8 * index..][..8].try_into().unwrap());
    let half = |name: &str| u32::from_ne_bytes(bytes[at(name)..][..4].try_into().unwrap());
    assert_eq!((word("generation", 0), word("marked_share", 0)), (0x1111, 1 << 31));
    assert_eq!((half("max_argument_bytes"), half("max_environment_bytes")), (0x4444, 0x5555));
    assert_eq!((half("max_data_bytes"), half("has_socket_history")), (0x7777, 1));
    assert_eq!((word("calls", 0), word("calls", 7), word("compat_calls", 0)), (1, 1 << 63, 2));
    assert_eq!((word("state_calls", 1), word("compat_state_calls", 2)), (1, 4));
    assert_eq!((bytes[at("filters") + 5], bytes[at("compat_filters") + 511]), (1, 1));
    assert_eq!(bytes[at("filters")..].iter().filter(|number| **number != 0).count(), 2);
}

/// Scenario: numbers below, at and above the end of the bitmaps. Guarantees: what fits can be put in and taken out, what
/// does not is refused.
#[test]
fn a_set_of_calls_says_what_it_cannot_hold() {
    let mut set = CallSet::default();
    assert!(set.insert(0) && set.insert(CallSet::NUMBERS - 1));
    assert!(!set.insert(CallSet::NUMBERS) && !set.insert(u32::MAX));
    set.remove(0);
    set.remove(u32::MAX);
    assert!(!set.contains(0) && set.contains(CallSet::NUMBERS - 1) && !set.contains(CallSet::NUMBERS));
}

/// Scenario: the objects as they are embedded. Guarantees: they are aligned as ELF readers want it, under a licence that
/// lets them use the kernel's helpers, and have the programs that they are said to have and no others.
#[test]
fn the_objects_can_be_read_in_place() {
    for embedded in Object::ALL {
        assert_eq!(embedded.bytes().as_ptr().align_offset(8), 0);
        let object = aya_obj::Object::parse(embedded.bytes()).unwrap();
        assert_eq!(object.license.to_bytes(), b"Dual MIT/GPL");
        let mut expected: Vec<_> = embedded.programs().map(|program| program.name).collect();
        let mut found: Vec<_> = object.programs.keys().map(String::as_str).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{}", embedded.name());
    }
}

/// Scenario: the objects of all architectures, as they were compiled with this crate. Guarantees: each is a BPF object that the loader's
/// parser takes, with the same programs.
#[test]
fn all_architectures_are_built() {
    let [x86_64, aarch64] = crate::object::built().map(|objects| {
        objects.map(|bytes| {
            let object = aya_obj::Object::parse(bytes).unwrap();
            let mut names: Vec<_> = object.programs.into_keys().collect();
            names.sort_unstable();
            names
        })
    });
    assert_eq!(x86_64, aarch64);
    assert_ne!(x86_64[0], x86_64[1]);
}

/// Scenario: the baseline of each architecture. Guarantees: it calls no helper and has no map that came after Linux 5.8.
#[test]
fn the_baseline_asks_for_nothing_newer() {
    /// BPF_FUNC_csum_level and BPF_MAP_TYPE_RINGBUF of linux/bpf.h, the last ones of 5.8.
    const LAST_HELPER: i32 = 135;
    const LAST_MAP_TYPE: u32 = 27;
    /// BPF_JMP | BPF_CALL; of helpers, where the source register is zero.
    const CALL: u8 = 0x85;
    for [full, baseline] in crate::object::built() {
        let newest = |bytes| {
            let object = aya_obj::Object::parse(bytes).unwrap();
            let instructions = object.functions.values().flat_map(|function| &function.instructions);
            let helpers =
                instructions.filter(|instruction| instruction.code == CALL && instruction.src_reg() == 0);
            let newest_map = object.maps.values().map(aya_obj::Map::map_type).max().unwrap();
            (helpers.map(|call| call.imm).max().unwrap(), newest_map)
        };
        let (helper, map_type) = newest(baseline);
        assert!(helper <= LAST_HELPER && map_type <= LAST_MAP_TYPE, "{helper} {map_type}");
        // The fuller one does, or there would be no need for both.
        assert!(newest(full).0 > LAST_HELPER);
    }
}
