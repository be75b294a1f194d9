"""Which names are never read, and which paths are answered with a sentence."""

import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstores_server.intake.folders import FileCriteria
from vectorstores_server.intake.local_intake import MachineIntake
from vectorstores_server.intake.paths import path_text
from vectorstores_server.intake.secrets import is_secret, is_secret_folder
from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed

_SECRETS = """
id_rsa | id_rsa.pub | id_ed25519 | id_ecdsa_sk | id_dsa.old | ssh_host_ed25519_key | deploy_rsa | server.key | tls.pem
| cert.p12 | cert.pfx | AuthKey_ABC123.p8 | putty.ppk | release.jks | upload.keystore | cacerts.truststore |
passwords.kdbx | old.kdb | login.keychain-db | private-key.asc | my-secret-key.asc | backup.gpg | notes.pgp |
vault.age | office.ovpn | server.pem.bak | server.key.old | credentials.json | credentials-prod.json |
aws-credentials.yaml | prod.credentials.toml | Credentials.YML | service-account.json | service_account_key.json |
my-service-account.json | serviceaccount.json | client_secret_123.apps.json | client-secret.yaml | secrets.yaml |
secrets.prod.json | db.secret.yml | k8s-secret.yaml | secrets.toml | secrets.properties | api-keys.json | apikey.ini |
private-key.json | database-password.yml | passwords.json | passwd.conf | token.json | tokens.json |
github-access-token.json | oauth_token.json | auth.json | .env | .env.local | prod.env | terraform.tfstate |
terraform.tfstate.backup | prod.tfvars | x.auto.tfvars.json | kubeconfig | prod.kubeconfig | .npmrc | .pypirc | .netrc
| _netrc | .pgpass | .git-credentials | .htpasswd | htpasswd.users | wp-config.php | google-services.json |
app-firebase-adminsdk-x1.json | rclone.conf | accessTokens.json | logins.json | key4.db | key3.db | cookies.sqlite |
cookies.sqlite-wal | Cookies | signons.sqlite | formhistory.sqlite | wallet.dat | Login Data | Login Data For Account
| Web Data | Local State | sessionstore.jsonlz4
"""
_INNOCENT = """
secretary.md | keyboard.txt | password-reset.md | passwords.md | passwords.pdf | tokenizer.json | design-tokens.json |
tokens.css | monkey.txt | turkey.json | keys.md | keynote.pdf | credentials.md | secret-santa.yaml | secretsanta.json
| environment.yml | env.md | api.json | api-reference.yaml | key-findings.docx | authors.json | authentication.md |
auth.py | auth.ts | password.py | secrets.py | token.py | config.yaml | settings.toml | package.json | tsconfig.json |
cookies.md | cookie-policy.html | state.json | terraform.tf | variables.tf | id.txt | identity.md | wallet.md |
shadow.css | ssh.md | private.md | public.asc | chapter.asc | service.yaml | account.json | server.key.md |
notes.pem.txt
"""


def names(text: str) -> list[str]:
    return [name.strip() for name in text.replace("\n", " ").split("|")]


SECRETS, INNOCENT = names(_SECRETS), names(_INNOCENT)


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_of_keys_or_passwords_is_known_by_its_name(name: str) -> None:
    for form in (name, name.upper(), unicodedata.normalize("NFD", name)):
        assert is_secret(form), form


@pytest.mark.parametrize("name", INNOCENT)
def test_a_document_is_none_for_having_such_a_word_in_its_name(name: str) -> None:
    assert not is_secret(name)


def test_a_folder_is_secret_only_where_programs_keep_secrets_in_it() -> None:
    assert [name for name in (".ssh", ".aws", "gcloud", "Passwords.opvault") if not is_secret_folder(name)] == []
    assert [
        name for name in ("cookies", "identity", "shadow", "auth", "secrets", "keys") if is_secret_folder(name)
    ] == []


def intake(root: Path) -> MachineIntake:
    return MachineIntake(root / "data", FileCriteria(frozenset(), 1_000), [root])


@pytest.mark.parametrize("name", SECRETS)
async def test_a_secret_is_read_neither_by_name_nor_in_a_walk(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("hunter2")
    (tmp_path / "a.md").write_text("words")
    survey = await intake(tmp_path).survey([str(tmp_path)], None)
    assert [Path(origin).name for origin in survey.origins] == ["a.md"]
    assert sum(survey.skipped.values()) == 1
    with pytest.raises(NotAllowed, match=r"keys and passwords|hidden"):
        async with intake(tmp_path).open(str(tmp_path / name), None):
            pass
    with pytest.raises(NotAllowed):
        await intake(tmp_path).survey([str(tmp_path / name)], None)


@pytest.mark.parametrize("bad", ["/x/\0y", "/x/" + "y" * 256, "/" + "y/" * 3_000, "file:///x/%00y", "/é" + "é" * 128])
async def test_a_path_that_no_file_can_have_is_a_sentence(tmp_path: Path, bad: str) -> None:
    with pytest.raises(InvalidRequest, match=r"cannot be read: a p.*Write the whole path"):
        await intake(tmp_path).survey([bad], None)
    with pytest.raises(InvalidRequest, match="cannot be read"):
        async with intake(tmp_path).open(bad, None):
            pass


@pytest.mark.parametrize("form", ["file://{}", "file://localhost{}", "FILE://{}", "file://LOCALHOST{}"])
async def test_a_file_url_of_this_machine_is_a_path(tmp_path: Path, form: str) -> None:
    path = tmp_path / "two words & ü.md"
    path.write_text("words")
    written = str(path).replace(" ", "%20").replace("ü", "%C3%BC")
    survey = await intake(tmp_path).survey([form.format(written)], None)
    assert survey.origins == [str(path)]
    async with intake(tmp_path).open(form.format(written), None) as source:
        assert source.filename == path.name


@pytest.mark.parametrize("url", ["file://elsewhere/x.md", "file://10.0.0.1/x", "file://user@host/x"])
async def test_a_file_url_of_another_machine_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidRequest, match="another machine"):
        await intake(tmp_path).survey([url], None)


def test_a_file_url_of_windows_names_its_drive() -> None:
    assert path_text("file:///C:/Users/me/a%20b.md", windows=True) == "C:/Users/me/a b.md"
    assert path_text("file:///C:/x", windows=False) == "/C:/x"


@given(st.text(max_size=300))
async def test_whatever_is_named_is_found_or_answered_with_a_sentence(named: str) -> None:
    nowhere = Path("/nowhere")
    with suppress(InvalidRequest, NotAllowed):
        await MachineIntake(nowhere, FileCriteria(frozenset(), 1_000), [nowhere]).survey([named], None)
