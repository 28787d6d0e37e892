//! Names of services in place of ports.
//!
//! Falco asks the machine that it runs on (getservbyname(3)). An engine evaluates for many machines: it has the names of
//! IANA's registry that rules use, the same everywhere.

/// Ascending by name.
const SERVICES: [(&str, u16); 64] = [
    ("amqp", 5672),
    ("auth", 113),
    ("bgp", 179),
    ("biff", 512),
    ("bootpc", 68),
    ("bootps", 67),
    ("chargen", 19),
    ("cvspserver", 2401),
    ("daytime", 13),
    ("dict", 2628),
    ("discard", 9),
    ("distcc", 3632),
    ("domain", 53),
    ("domain-s", 853),
    ("echo", 7),
    ("exec", 512),
    ("finger", 79),
    ("ftp", 21),
    ("ftp-data", 20),
    ("ftps", 990),
    ("git", 9418),
    ("gopher", 70),
    ("http", 80),
    ("http-alt", 8080),
    ("https", 443),
    ("imap2", 143),
    ("imaps", 993),
    ("ipp", 631),
    ("irc", 194),
    ("isakmp", 500),
    ("iscsi-target", 3260),
    ("kerberos", 88),
    ("kshell", 544),
    ("ldap", 389),
    ("ldaps", 636),
    ("login", 513),
    ("microsoft-ds", 445),
    ("mqtt", 1883),
    ("mysql", 3306),
    ("netbios-dgm", 138),
    ("netbios-ns", 137),
    ("netbios-ssn", 139),
    ("nfs", 2049),
    ("nntp", 119),
    ("ntp", 123),
    ("openvpn", 1194),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("radius", 1812),
    ("redis", 6379),
    ("rsync", 873),
    ("shell", 514),
    ("sip", 5060),
    ("smtp", 25),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("socks", 1080),
    ("ssh", 22),
    ("submission", 587),
    ("sunrpc", 111),
    ("syslog", 514),
    ("telnet", 23),
    ("tftp", 69),
];

/// The port of a service.
pub(super) fn port_of(name: &str) -> Option<u16> {
    let place = SERVICES.binary_search_by(|(own, _)| own.cmp(&name)).ok()?;
    SERVICES.get(place).map(|(_, port)| *port)
}

#[cfg(test)]
mod tests {
    use super::{SERVICES, port_of};

    /// Scenario: the table. Guarantees: it is in the order that looking up relies on.
    #[test]
    fn names_ascend() {
        assert!(SERVICES.is_sorted_by(|(one, _), (next, _)| one < next));
        assert_eq!((port_of("ssh"), port_of("amqp"), port_of("tftp")), (Some(22), Some(5672), Some(69)));
        assert_eq!((port_of("nothing"), port_of("SSH"), port_of("")), (None, None, None));
    }
}
