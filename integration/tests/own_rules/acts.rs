//! What is done, and which of our own rules that is to set off.

/// A shell script, and the rules that it is to set off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    pub(crate) script: &'static str,
    pub(crate) rules: &'static [&'static str],
}

const fn act(script: &'static str, rules: &'static [&'static str]) -> Act {
    Act { script, rules }
}

/// An empty file system over a folder of the system, for one act.
macro_rules! over {
    ($folder:literal, $script:literal) => {
        concat!("unshare -m sh -ec 'mount -t tmpfs tmpfs ", $folder, "; ", $script, "'")
    };
}

const CREDENTIAL: &[&str] = &["Credential File Read"];
const KEY: &[&str] = &["Private Key Read"];
const PROC: &[&str] = &["Process Memory Or Environment Read Through Proc"];
const PERSISTENCE: &[&str] = &["Persistence Location Written"];
const PROGRAM: &[&str] = &["System Program Overwritten"];
const LOG: &[&str] = &["System Log Truncated"];
const SERVER: &[&str] = &["Shell Started By Network Server"];
const SHARED: &[&str] = &["Execution From Shared Memory"];
const SHARED_CONNECTION: &[&str] = &["Connection From Shared Memory Program", "Execution From Shared Memory"];
pub(crate) const MEMFD: &[&str] = &["Execution Without File"];
const ENCODED: &[&str] = &["Encoded Payload Decoded Into Interpreter"];
const TERMINAL: &[&str] = &["Interactive Shell Over Redirected Terminal"];
const SHELL_CONNECTION: &[&str] = &["Shell Connects To Network"];
const METADATA: &[&str] = &["Cloud Metadata Contacted By Interpreter"];
pub(crate) const NOTHING: &[&str] = &[];

/// What is done, in pairs of what is meant and what is not. `$1` is a folder of the act's own, `$2` a port of loopback
/// that counts as outside, `$3` one that does not, `$4` a folder in shared memory.
pub(crate) const ACTS: &[Act] = &[
    act("cat /etc/shadow > /dev/null", CREDENTIAL),
    act("cat /etc/../etc/./shadow > /dev/null", CREDENTIAL),
    act("cd /etc; cat shadow > /dev/null", CREDENTIAL),
    act("ln -s /etc/shadow $1/link; cat $1/link > /dev/null", CREDENTIAL),
    act("cat /etc/passwd > /dev/null; cp /bin/cat $1/sudo; $1/sudo /etc/shadow > /dev/null", NOTHING),
    act("mkdir $1/.ssh; : > $1/.ssh/id_test; cat $1/.ssh/id_test", KEY),
    act("mkdir $1/.ssh; : > $1/.ssh/id_test; ln -s $1/.ssh/id_test $1/notes; cat $1/notes", KEY),
    // What is excluded by the name that is asked for is not by the one that is reached.
    act(
        "mkdir $1/.ssh; : > $1/.ssh/id_test; ln -s id_test $1/.ssh/id_other.pub; cat $1/.ssh/id_other.pub",
        KEY,
    ),
    act("mkdir $1/.ssh; : > $1/.ssh/id_test.pub; cat $1/.ssh/id_test.pub", NOTHING),
    act("cat /proc/$$/environ > /dev/null", PROC),
    act("cat /proc/$$/status > /dev/null", NOTHING),
    act(over!("/etc", "mkdir /etc/cron.d; : > /etc/cron.d/job"), PERSISTENCE),
    act("mkdir $1/.ssh; echo key >> $1/.ssh/authorized_keys", PERSISTENCE),
    act(over!("/etc", "mkdir /etc/cron.d; touch /etc/cron.job; ls /etc/cron.d; cat /etc/cron.job"), NOTHING),
    act(over!("/usr/sbin", "cp /bin/true /usr/sbin/daemon"), PROGRAM),
    act(
        over!("/lib/x86_64-linux-gnu/security", "cp /bin/true /lib/x86_64-linux-gnu/security/pam.so"),
        PROGRAM,
    ),
    act(over!("/usr/local", "mkdir /usr/local/bin; cp /bin/true /usr/local/bin/tool"), NOTHING),
    act(over!("/var/log", ": > /var/log/auth.log"), LOG),
    act(over!("/var/log", "echo line >> /var/log/auth.log; : > /var/log/other.log"), NOTHING),
    act("cp /bin/sh $1/nginx; $1/nginx -c \"sh -c :; :\"", SERVER),
    act("cp /bin/sh $1/php-fpm8.2; $1/php-fpm8.2 -c \"sh -c :; :\"", SERVER),
    act("cp /bin/sh $1/nginxx; $1/nginxx -c \"sh -c :; :\"", NOTHING),
    act("cp /bin/sh $1/nginx; $1/nginx -c \"cat /dev/null; :\"", NOTHING),
    act("cp /bin/true $4/tool; $4/tool", SHARED),
    act("cp /bin/true $4/tool; cd $4; ./tool", SHARED),
    act(": > $4/script; sh $4/script", SHARED),
    act("cp /bin/true $1/tool; $1/tool; : > $4/data; cat $4/data", NOTHING),
    act("cp /bin/bash $4/tool; $4/tool -c \": < /dev/tcp/127.0.0.1/$3\"", SHARED_CONNECTION),
    act("cp /bin/bash $1/tool; $1/tool -c \": < /dev/tcp/127.0.0.1/$3\"", NOTHING),
    act("sh -c \"echo Cg== | base64 -d | sh\"", ENCODED),
    act("sh -c \"echo Cg== | base64 --decode | python3\"", ENCODED),
    act("sh -c \"echo Cg== | base64 -d | cat\"; sh -c \"echo x | base64 | sh -c :\"", NOTHING),
    act("cp /bin/true $1/nc; $1/nc -e /bin/sh 127.0.0.1 9", TERMINAL),
    act("cp /bin/true $1/nc; $1/nc -c /bin/sh 127.0.0.1 9", TERMINAL),
    act("cp /bin/true $1/ncat; $1/ncat 127.0.0.1 9 --sh-exec id", TERMINAL),
    act("cp /bin/true $1/socat; $1/socat TCP:127.0.0.1:9 EXEC:sh", TERMINAL),
    act("bash -c \": /dev/tcp/127.0.0.1\"", TERMINAL),
    act("cp /bin/true $1/python3.11; $1/python3.11 -c \"import pty; pty.spawn(1)\"", TERMINAL),
    act(
        "cp /bin/true $1/nc; $1/nc -z -v 127.0.0.1 9; cp /bin/true $1/socat; $1/socat - TCP:127.0.0.1:9",
        NOTHING,
    ),
    act("cp /bin/true $1/python3; $1/python3 -c \"import pty\"", NOTHING),
    // The address comes from the environment, so that the command line itself is innocent.
    act("T=tcp; export T; bash -c \": < /dev/\\$T/127.0.0.1/$2\"", SHELL_CONNECTION),
    act("T=tcp; export T; bash -c \": < /dev/\\$T/127.0.0.1/$3\"", NOTHING),
    act("cp /bin/bash $1/tool; $1/tool -c \": < /dev/tcp/127.0.0.1/$2\"", NOTHING),
    act(
        "T=tcp; export T; unshare -n bash -c \": < /dev/\\$T/169.254.169.254/80\" 2> /dev/null || :",
        METADATA,
    ),
    act(
        "T=tcp; export T; unshare -n bash -c \": < /dev/\\$T/169.254.169.253/80\" 2> /dev/null || :",
        NOTHING,
    ),
    act(
        "cp /bin/bash $1/tool; unshare -n $1/tool -c \": < /dev/tcp/169.254.169.254/80\" 2> /dev/null || :",
        NOTHING,
    ),
];
