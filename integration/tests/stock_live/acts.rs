//! What is done, and which rules that is to set off. In every script `$1` is a folder of the act's own, `$2` that of the programs;
//! on the host `$3` is a folder in shared memory. In a container `/tmp/bin` has all of busybox's programs; its shell runs most of them
//! without an exec, or by one that has another name, unless they are named with their path.

/// A shell script, and the stock rules that it is there for. It may set off others too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    pub(crate) rules: &'static [&'static str],
    /// Which rules it is nearly for: it must not set them off.
    pub(crate) near_misses: &'static [&'static str],
    pub(crate) script: &'static str,
}

const fn act(rules: &'static [&'static str], script: &'static str) -> Act {
    Act { rules, near_misses: &[], script }
}

const fn near_miss(
    near_misses: &'static [&'static str],
    rules: &'static [&'static str],
    script: &'static str,
) -> Act {
    Act { rules, near_misses, script }
}

/// An empty file system over a folder of the system, for one act.
macro_rules! over {
    ($folder:literal, $script:literal) => {
        concat!("unshare -m sh -ec 'mount -t tmpfs tmpfs ", $folder, "; ", $script, "'")
    };
}

/// A program that does nothing, started by some name and with some arguments.
macro_rules! named {
    ($name:literal, $arguments:literal) => {
        concat!("ln -s $2/quiet $1/", $name, "; $1/", $name, " ", $arguments)
    };
}

/// Once and again for some seconds: what the runtime tells of the container over its socket may come after the first of it.
macro_rules! again {
    ($script:literal) => {
        concat!("for n in 1 2 3 4 5 6 7 8; do ", $script, "; /tmp/bin/sleep 0.5; done")
    };
}

/// The process has a login id that is not root's: on machines that do not give any it has none.
macro_rules! not_logged_in_as_root {
    ($script:expr) => {
        concat!("[ \"$(cat /proc/self/loginuid)\" != 0 ] || echo 1000 > /proc/self/loginuid; ", $script)
    };
}

/// On the host.
pub(crate) const HOST: &[Act] = &[
    // No shell as the parent.
    act(
        &["Directory traversal monitored file read"],
        "timeout 60 cat $1/../../../../../../etc/passwd > /dev/null",
    ),
    act(&["Read sensitive file untrusted"], "cat /etc/shadow > /dev/null"),
    act(
        &["Run shell untrusted", "Web Server Spawned Shell"],
        "cp /bin/sh $1/nginx; $1/nginx -c \"sh -c :; :\"",
    ),
    act(
        &["System user interactive"],
        "cp /bin/sh $1/sshd; $1/sshd -c \"setpriv --reuid=nobody --clear-groups /bin/true; :\"",
    ),
    act(&["Search Private Keys or Passwords"], "mkdir $1/d; find $1/d -name id_rsa"),
    act(&["Clear Log Activities"], over!("/var/log", ": > /var/log/auth.log")),
    act(&["Remove Bulk Data from Disk"], "echo data > $1/data; shred -u $1/data"),
    act(&["Create Symlink Over Sensitive Files"], "ln -s /etc/shadow $1/link"),
    act(
        &["Create Hardlink Over Sensitive Files"],
        over!("/etc", ": > /etc/shadow; ln /etc/shadow /etc/link"),
    ),
    act(&["PTRACE attached to process"], "$2/attach"),
    act(&["PTRACE anti-debug attempt"], "$2/traceme"),
    act(&["Find AWS Credentials"], ": > $1/file; grep aws_secret_access_key $1/file || :"),
    act(&["Execution from /dev/shm"], "cp $2/quiet $3/tool; $3/tool"),
    act(&["Disallowed SSH Connection Non Standard Port"], "$2/ssh"),
    act(&["Modify Shell Configuration File"], "cp /dev/null $1/.bashrc"),
    act(&["Schedule Cron Jobs"], over!("/etc", "mkdir /etc/cron.d; : > /etc/cron.d/job")),
    act(
        &["Read ssh information"],
        over!("/root", "mkdir /root/.ssh; : > /root/.ssh/id_test; cat /root/.ssh/id_test"),
    ),
    act(&["DB program spawned process"], "cp /bin/sh $1/mysqld; $1/mysqld -c \"true; /bin/true; :\""),
    act(&["Change thread namespace"], "$2/setns"),
    act(&["System procs network activity"], "$2/cat"),
    act(
        &["Program run with disallowed http proxy env"],
        concat!("HTTP_PROXY=http://127.0.0.1:9; export HTTP_PROXY; ", named!("curl", "")),
    ),
    act(&["Unexpected UDP Traffic"], "$2/udp"),
    act(&["Non sudo setuid"], "$2/setuid"),
    act(&["User mgmt binaries"], named!("groupadd", "test")),
    act(&["Create files below dev"], over!("/dev", ": > /dev/eyrie-test")),
    act(&["Launch Suspicious Network Tool on Host"], named!("nmap", "127.0.0.1")),
    act(&["Delete or rename shell history"], ": > $1/.bash_history; rm $1/.bash_history"),
    act(&["Set Setuid or Setgid bit"], ": > $1/file; chmod u+s $1/file"),
    act(
        &["Adding ssh keys to authorized_keys"],
        over!("/root", "mkdir /root/.ssh; echo key >> /root/.ssh/authorized_keys"),
    ),
    act(
        &["Potential Local Privilege Escalation via Environment Variables Misuse"],
        "GLIBC_TUNABLES=glibc.malloc.check=0 /bin/true",
    ),
    act(
        &["Backdoored library loaded into SSHD (CVE-2024-3094)"],
        "cp /bin/cat $1/sshd; : > $1/liblzma.so.5.6.1; $1/sshd $1/liblzma.so.5.6.1",
    ),
    act(&["BPF Program Not Profiled"], "$2/bpf"),
    act(
        &["Update Package Repository"],
        over!("/etc", "mkdir -p /etc/apt/sources.list.d; : > /etc/apt/sources.list.d/test.list"),
    ),
    act(&["Write below binary dir"], over!("/usr/sbin", ": > /usr/sbin/tool")),
    act(&["Write below monitored dir"], over!("/usr/local", "mkdir /usr/local/bin; : > /usr/local/bin/tool")),
    act(&["Write below etc"], over!("/etc", ": > /etc/eyrie-test")),
    act(&["Write below root"], over!("/root", ": > /root/eyrie-test")),
    act(&["Write below rpm database"], over!("/var/lib", "mkdir /var/lib/rpm; : > /var/lib/rpm/Packages")),
    act(&["Modify binary dirs"], over!("/usr/sbin", ": > /usr/sbin/tool; mv /usr/sbin/tool /usr/sbin/other")),
    act(&["Mkdir binary dirs"], over!("/usr/sbin", "mkdir /usr/sbin/folder")),
    act(&["Detect crypto miners using the Stratum protocol"], named!("tool", "-o stratum+tcp://127.0.0.1:9")),
    act(&["Sudo Potential Privilege Escalation"], not_logged_in_as_root!(named!("sudoedit", "-s \\\\"))),
    act(&["Unprivileged Delegation of Page Faults Handling to a Userspace Process"], "$2/userfaultfd"),
    act(
        &["Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)"],
        not_logged_in_as_root!(named!("pkexec", "")),
    ),
    act(&["Basic Interactive Reconnaissance"], "SHELL=/bin/sh script -qec \"exec id\" /dev/null"),
    act(&["Netcat/Socat Remote Code Execution on Host"], named!("socat", "TCP:127.0.0.1:9 EXEC:true")),
    act(&["Known Cryptominer Process Executed"], named!("xmrig", "")),
    act(&["Web Server Spawned Suspicious Child Process"], "cp /bin/sh $1/httpd; $1/httpd -c \"id; :\""),
    act(
        &["Reverse Shell from Web Server"],
        "cp /bin/sh $1/lighttpd; $1/lighttpd -c \"sh -c \\\": /dev/tcp/127.0.0.1/9\\\"; :\"",
    ),
];

/// On the host, for rules that are switched off in their files.
pub(crate) const SWITCHED_ON: &[Act] = &[
    act(
        &[
            "Unexpected inbound connection source",
            "Interpreted procs inbound network activity",
            "Interpreted procs outbound network activity",
        ],
        "$2/python3",
    ),
    act(&["Read Shell Configuration File"], ": > $1/.bashrc; cat $1/.bashrc"),
    act(&["Create Hidden Files or Directories"], "mkdir $1/.hidden"),
    act(&["Detect outbound connections to common miner pool ports"], "$2/pool"),
    act(&["Java Process Class File Download"], "$2/java"),
];

/// In a container with the capabilities that podman gives.
pub(crate) const CONTAINED: &[Act] = &[
    act(
        &["Drop and execute new binary in container", "Container Drift Detected (open+create)"],
        "cp /bin/busybox $1/true; $1/true",
    ),
    act(&["Container Drift Detected (chmod)"], ": > $1/file; /tmp/bin/chmod +x $1/file"),
    // The descriptor of a program would do as well.
    act(&["Modify Container Entrypoint"], "exec 7> $1/file; : > /proc/self/fd/7"),
    act(
        &["Netcat Remote Code Execution in Container", "Launch Suspicious Network Tool in Container"],
        "/tmp/bin/nc 127.0.0.1 9 -e true || :",
    ),
    act(&["Redirect STDOUT/STDIN to Network Connection in Container"], "$2/redirect"),
    act(&["Change namespace privileges via unshare"], "$2/unshare"),
    act(&["Launch Package Management Process in Container"], named!("apk", "add tool")),
    act(&["Launch Remote File Copy Tools in Container"], named!("scp", "file 127.0.0.1:")),
    act(
        &["Launch Ingress Remote File Copy Tools in Container"],
        "/tmp/bin/wget -q -O $1/file http://127.0.0.1:9/ || :",
    ),
    act(&["Read environment variable from /proc files"], "/tmp/bin/cat /proc/self/environ > /dev/null"),
    act(&["Decoding Payload in Container"], "echo Cg== | /tmp/bin/base64 -d > /dev/null"),
    act(&["Kubernetes Client Tool Launched in Container"], named!("kubectl", "get pods")),
    act(
        &["Network Tool Executed During NPM Package Install"],
        "printf \"#!/bin/sh\\n/tmp/bin/nc 127.0.0.1 9\\n:\\n\" > $1/npm; chmod +x $1/npm; $1/npm install tool",
    ),
    act(
        &["Container Access to Host Sensitive Paths"],
        "mkdir /host; : > /host/file; /tmp/bin/cat /host/file",
    ),
];

/// In a privileged container.
pub(crate) const PRIVILEGED: &[Act] = &[
    act(&["Debugfs Launched in Privileged Container"], named!("debugfs", "/dev/null")),
    act(&["Mount Launched in Privileged Container"], "mkdir $1/m; /tmp/bin/mount -t tmpfs tmpfs $1/m"),
    // By the name of a disk, the device that is nothing.
    act(&["Privileged Container Device Access"], "mknod /dev/sdz c 1 3; /tmp/bin/cat /dev/sdz"),
    act(&["Detect release_agent File Container Escapes"], ": > $1/release_agent"),
    act(&["Linux Kernel Module Injection Detected"], "$2/module"),
    act(&["Packet socket created in container"], "$2/packet"),
    act(
        &[
            "Contact EC2 Instance Metadata Service From Container",
            "Contact cloud metadata service from container",
        ],
        "$2/metadata",
    ),
    act(&["Contact K8S API Server From Container"], "$2/kubernetes"),
    act(&["Unexpected K8s NodePort Connection"], "$2/nodeport"),
];

/// In a container of a pod of the namespace `payments`, which a site's rules keep within its network.
pub(crate) const OF_PAYMENTS: &[Act] = &[
    act(&["Network Connection outside Local Subnet"], again!("$2/outside")),
    near_miss(&["Network Connection outside Local Subnet"], &[], again!("$2/inside")),
];

/// In one of another namespace.
pub(crate) const OF_SHOP: &[Act] = &[near_miss(
    &["Network Connection outside Local Subnet"],
    // It goes to the outside too.
    &["Contact K8S API Server From Container"],
    again!("$2/kubernetes"),
)];
