//! The environment variables and the files, as `bbconnect help environment` and the manual page list them.

/// The variables that `Environment::from_process` reads, and those of the libraries.
pub(crate) const VARIABLES: [(&str, &str); 20] = [
    (
        "BBCONNECT_CONNECTION",
        "Connection to use, as with --connection",
    ),
    (
        "BBCONNECT_URL",
        "Server URL of an environment-only connection [default: https://bitbucket.org]",
    ),
    (
        "BBCONNECT_TOKEN",
        "Token or password of an environment-only connection",
    ),
    (
        "BBCONNECT_TOKEN_FILE",
        "File with the token in its first line",
    ),
    ("BBCONNECT_TOKEN_COMMAND", "Command that prints the token"),
    ("BBCONNECT_EMAIL", "Atlassian account email (API tokens)"),
    ("BBCONNECT_USERNAME", "User name (passwords)"),
    ("BBCONNECT_WORKSPACE", "Default workspace (Cloud)"),
    ("BBCONNECT_PROJECT", "Default project"),
    (
        "BBCONNECT_REPO",
        "Default repository: SLUG or NAMESPACE/SLUG",
    ),
    (
        "BBCONNECT_LEVEL",
        "Owner of the token: user, workspace, project or repo",
    ),
    (
        "BBCONNECT_DEPLOYMENT",
        "cloud or datacenter, if the URL doesn't show it",
    ),
    (
        "BBCONNECT_STORE",
        "Store for new secrets: keyring or file (encrypted)",
    ),
    (
        "BBCONNECT_STORE_PASSPHRASE_FILE",
        "File with the passphrase of the encrypted store",
    ),
    (
        "BBCONNECT_STORE_PASSPHRASE_CACHE",
        "Minutes for which Linux keeps the passphrase [default: 15]",
    ),
    (
        "BBCONNECT_CONFIG_DIR",
        "Directory of the files below [default: $XDG_CONFIG_HOME/bbconnect, on Windows %APPDATA%\\bbconnect]",
    ),
    ("BBCONNECT_NO_INPUT, CI", "Disable prompts"),
    ("NO_COLOR", "Disable colors"),
    (
        "HTTPS_PROXY, NO_PROXY",
        "Proxy, and hosts to connect to directly",
    ),
    (
        SSL_CERT_FILE,
        "CA certificates to trust (PEM; not on Windows and macOS)",
    ),
];

const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// The variables that have an effect on this system. The certificates of Windows and macOS are not in a file.
pub(crate) fn variables_of_this_system() -> Vec<(&'static str, &'static str)> {
    let has_store = cfg!(any(windows, target_vendor = "apple"));
    let variables = VARIABLES.into_iter();
    variables
        .filter(|(name, _)| *name != SSL_CERT_FILE || !has_store)
        .collect()
}

/// The files in the configuration directory.
pub(crate) const FILES: [(&str, &str); 3] = [
    ("connections.toml", "Connections, without secrets"),
    ("known_hosts", "Host keys of SSH servers"),
    ("secrets.json", "Secrets, encrypted (--store file)"),
];
