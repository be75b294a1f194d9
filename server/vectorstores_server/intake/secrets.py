"""Files that most likely hold keys, passwords or tokens, told by the form of their names. They are never read.

A name is compared in lower case and composed (NFC), so that a file system that keeps another form changes nothing. What
is told by a word asks for the ending of a configuration file and the word in its place: `secretary.md`, `keyboard.txt`,
`password-reset.md` and `design-tokens.json` are documents.
"""

import re
import unicodedata

from vectorstores_server.intake.name_forms import NameForms

_ENDINGS = frozenset({
    # private keys, and certificates with them; keystores; databases of passwords
    "pem", "key", "p12", "pfx", "p8", "pk8", "ppk", "pkcs12", "jks", "jceks", "bks", "keystore", "truststore", "kdb",
    "kdbx", "kbx", "psafe3", "agilekeychain", "opvault", "1pif", "enpass", "keychain", "keychain-db", "gpg", "pgp",
    "age", "ovpn", "mobileprovision", "snk",
    # what is secret by its nature: Terraform's state and variables, environments, logins
    "tfstate", "tfvars", "env", "htpasswd", "netrc", "pgpass",
})  # fmt: skip
_NAMES = NameForms((
    # private keys of SSH and PGP, with what tools append to the names of keys
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "ssh_host_*_key*", "*_rsa", "*_ed25519", "*private*.asc",
    "*secret*.asc",
    # configuration that holds tokens by its nature
    ".env*", "*.tfstate.*", "*.tfvars.json", "kubeconfig*", "*.kubeconfig", "dockerconfigjson", ".npmrc", ".pypirc",
    ".netrc", "_netrc", ".pgpass", ".git-credentials", "htpasswd*", "shadow", "gshadow", "wp-config.php", "rclone.conf",
    "accesstokens.json", "azureprofile.json", "google-services.json", "*firebase-adminsdk*.json", "client_secret*.json",
    "token.json", "tokens.json",
    "*access*token*.json", "*refresh*token*.json", "*oauth*token*.json", "*api*token*.json",
    "auth.json", "auth.toml",
    "vault-password*", "vault_pass*", "wallet.dat",
    # what browsers keep
    "login data*", "web data*", "logins.json", "logins-backup.json", "key3.db", "key4.db", "signons.sqlite", "cookies",
    "cookies.sqlite*", "cookies.binarycookies", "local state", "sessionstore*.jsonlz4", "formhistory.sqlite",
))  # fmt: skip
_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store", "gcloud", "keychains"})
_DATA = frozenset({"json", "yaml", "yml", "toml", "ini", "cfg", "conf", "properties", "xml", "plist"})
"""Endings of configuration. A document about passwords is no file of passwords."""
_FIRST = frozenset({"credential", "credentials", "secrets"})
_LAST = _FIRST | {"secret", "password", "passwords", "passwd", "serviceaccount", "apikey", "apikeys", "privatekey"}
_LAST_TWO = frozenset(
    {("service", "account"), ("api", "key"), ("api", "keys"), ("private", "key"), ("client", "secret")}
)
_COPIES = ("bak", "backup", "old", "orig", "save", "copy", "dist", "tmp", "swp")
_COPY = re.compile(rf"(?:\.(?:{'|'.join(_COPIES)}|[0-9]+)|~)+$")
"""Endings that editors and people append to the name of a copy."""
_COPY_ENDS = (*_COPIES, *"0123456789~")
_INSIDE = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|^PuTTY-User-Key-File-\d:|\bAKIA[0-9A-Z]{16}\b"
    rb"|\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{20,}|npm_[A-Za-z0-9]{36})\b",
    re.MULTILINE,
)
"""First lines of private keys, and forms that only tokens have."""


def is_secret(name: str) -> bool:
    """Tell whether a file of this name most likely holds a key, a password or a token."""
    name = _comparable(name)
    if name.endswith(_COPY_ENDS):
        name = _COPY.sub("", name)
    if _NAMES.match(name):
        return True
    stem, dot, ending = name.rpartition(".")
    if dot and ending in _ENDINGS:
        return True
    return bool(dot) and ending in _DATA and _tells_of_secrets(stem)


def holds_secret(data: bytes) -> bool:
    """Tell whether a file's bytes hold a private key or a token. Asked where no ending tells what a file is."""
    return _INSIDE.search(data) is not None


def is_secret_folder(name: str) -> bool:
    """Tell whether a folder of this name is one in which programs keep keys and tokens."""
    name = _comparable(name)
    return name in _FOLDERS or name.rpartition(".")[2] in _ENDINGS


def _comparable(name: str) -> str:
    return (name if name.isascii() else unicodedata.normalize("NFC", name)).lower()


def _tells_of_secrets(stem: str) -> bool:
    """Tell whether the name of a configuration file begins or ends with a word of secrets."""
    words = [word for word in re.split(r"[^a-z0-9]+", stem) if word]
    if not words:
        return False
    return words[0] in _FIRST or words[-1] in _LAST or tuple(words[-2:]) in _LAST_TWO or tuple(words[:2]) in _LAST_TWO
