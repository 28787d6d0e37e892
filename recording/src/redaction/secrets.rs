//! What well-known programs take as secrets.
//!
//! The names are those that tools document for themselves (AWS, Docker, GitHub, GitLab, PostgreSQL, curl, Vault and so on);
//! shapes of tokens are from their issuers' documentation. A secret behind a name that says nothing is not found:
//! there is `--redact` for it.

/// Names of variables.
pub(super) const NAMES: &[&str] = &[
    "*PASSWORD*",
    "*PASSWD*",
    "*PASSPHRASE*",
    "*SECRET*",
    "*TOKEN*",
    "*CREDENTIAL*",
    "*API_KEY*",
    "*APIKEY*",
    "*ACCESS_KEY*",
    "*PRIVATE_KEY*",
    "*_COOKIE",
    "*_AUTH",
    "MYSQL_PWD",
];

/// What a name has in it whose value is a secret.
const NAME: &str = r"[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key)[\w.-]*";

/// What stands in texts.
pub(super) fn contents() -> [String; 9] {
    [
        // --password=x, API_TOKEN=x, "secret": "x", ?access_token=x
        format!(r#"(?i){NAME}["']?\s*[=:]\s*("[^"]*"?|'[^']*'?|[^\s"'&;,]+)"#),
        // --password x
        format!(r"(?i)^--?{NAME}\s+(.+)$"),
        // mysql -px, sshpass -px
        r"^(?:.*/)?(?:mysql\w*|mariadb[\w-]*|sshpass) -p(.+)$".to_owned(),
        // curl -u name:x
        r"^(?:-u|--user|--proxy-user|-U)[ =]?[^:\s]+:(.+)$".to_owned(),
        // Authorization: Basic x
        r#"(?i)\b(?:proxy-)?authorization["']?\s*[:=]\s*(?:[a-z]+\s+)?([^\s"',;]+)"#.to_owned(),
        r#"(?i)\bbearer\s+([^\s"',;]+)"#.to_owned(),
        // postgres://name:x@host
        r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@".to_owned(),
        // AWS, GitHub, GitLab, Slack, Stripe, and signed web tokens.
        r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abeprs]-[\w-]{10,}|[rs]k_live_\w{16,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*)".to_owned(),
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----|.*)".to_owned(),
    ]
}
