"""piuparts.conf: defaults, [global], [DEFAULT], interpolation, and messages for whatever is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from piufarm.config.inifile import parse_ini
from piufarm.config.load import examine, load
from piufarm.config.model import ChrootBackend, Configuration, Expiry, Global, NetworkScope, Origin, Section
from piufarm.config.settings import SETTINGS, Scope
from piufarm.errors import ConfigError
from piufarm.names import SectionName

SID = SectionName("sid")

PLAIN = """\
# a small farm
[global]
sections = sid
master-host = master.example.org
master-directory = /srv/master
max-reserved = 50

[sid]
distro = sid
max-reserved = 7
"""


def loaded(tmp_path: Path, text: str) -> Configuration:
    """The configuration that a text means."""
    file = tmp_path / "piuparts.conf"
    file.write_text(text)
    return load(file)


def refused(tmp_path: Path, text: str | bytes) -> ConfigError:
    """The error that a text is refused with."""
    file = tmp_path / "piuparts.conf"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.hint, "an error names a next step"
    return caught.value


def test_a_section_takes_its_own_value_then_that_of_global_then_the_default(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, PLAIN)
    section = configuration.sections[SID]
    assert (section.max_reserved, section.master_host, section.idle_sleep) == (7, "master.example.org", 300)
    assert configuration.origins[SID, "max-reserved"] == Origin("[sid]", 10)
    assert configuration.origins[SID, "master-host"] == Origin("[global]", 4)
    assert configuration.origins[SID, "idle-sleep"] == Origin("default")
    assert configuration.warnings == ()


def test_the_table_of_settings_covers_the_model_exactly() -> None:
    farm = {setting.attribute for setting in SETTINGS if setting.scope is Scope.FARM} | {"log_file"}
    section = {setting.attribute for setting in SETTINGS if setting.scope is Scope.SECTION}
    assert farm == {field.name for field in dataclasses.fields(Global)}
    assert section | {"name", "archive_unsigned"} == {field.name for field in dataclasses.fields(Section)}


def test_an_empty_file_gives_the_defaults_of_the_farm(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, "")
    farm = configuration.farm
    assert configuration.sections == {}
    assert (farm.sections, farm.slave_count, farm.doc_root, farm.log_file) == ((), 1, "", "master-error.log")
    assert farm.state == f"sqlite://{tmp_path}/piufarm.sqlite"


def test_every_default_of_a_section_has_its_documented_value(tmp_path: Path) -> None:
    section = loaded(tmp_path, "[sid]\n").sections[SID]
    assert section.area == "main"
    assert section.components == ()
    assert section.upgrade_test_distros == ()
    assert section.piuparts_command == ()
    assert (section.max_tgz_age, section.min_tgz_retry_delay, section.max_reserved) == (2592000, 21600, 1)
    assert (section.precedence, section.slave_flush_interval, section.slave_load_max) == (1, 0, None)
    assert (section.reschedule_old_days, section.reschedule_old_count) == (180, 200)
    assert (section.reschedule_fail_days, section.reschedule_fail_count) == (30, 25)
    assert section.expire_old_days == section.expire_fail_days == Expiry(0, relative=False)
    assert (section.auto_reschedule, section.keep_bugged, section.debug) == (True, False, False)
    assert (section.reservation_timeout, section.reserve_wait, section.max_shrink) == (48 * 3600, 30, 0.2)
    assert (section.lease_timeout, section.max_retries, section.refresh_interval) == (1800, 3, 3600)
    assert (section.archive_keyring, section.archive_unsigned) == (None, False)
    assert section.log_file == "sid/master.log"
    assert section.json_sections == ("default",)


@pytest.mark.parametrize(
    ("line", "attribute", "value"),
    [
        ("max-tgz-age = -1", "max_tgz_age", -1),
        ("max-tgz-age = 30d", "max_tgz_age", 2592000),
        ("reservation-timeout = 48h", "reservation_timeout", 172800),
        ("expire-old-days = +30", "expire_old_days", Expiry(30, relative=True)),
        ("expire-fail-days = 45", "expire_fail_days", Expiry(45, relative=False)),
        ("slave-load-max = 0", "slave_load_max", None),
        ("slave-load-max = 2.5", "slave_load_max", 2.5),
        ("keep-sources-list = TRUE", "keep_sources_list", True),
        ("debug = no", "debug", False),
        ("components = main  contrib", "components", ("main", "contrib")),
        ("piuparts-command =\n sudo\n  piuparts", "piuparts_command", ("sudo", "piuparts")),
        ("archive-keyring = none", "archive_unsigned", True),
        ("archive-keyring = /etc/keys.gpg", "archive_keyring", Path("/etc/keys.gpg")),
        ("chroot-backend = schroot", "chroot_backend", ChrootBackend.SCHROOT),
        ("network = archives", "network", NetworkScope.ARCHIVES),
        ("strict = yes", "strict", True),
        ("layers-disk = 0", "layers_disk", 0),
        ("packages = hello lib*-perl [a-c]?", "packages", ("hello", "lib*-perl", "[a-c]?")),
        ("log-file = $SECTION/talk.log", "log_file", "sid/talk.log"),
        ("distro = None", "distro", "None"),
        ("Precedence : 3", "precedence", 3),
        ("max-reserved =", "max_reserved", 1),
    ],
)
def test_a_value_is_read_as_its_type(tmp_path: Path, line: str, attribute: str, value: object) -> None:
    assert getattr(loaded(tmp_path, f"[sid]\n{line}\n").sections[SID], attribute) == value


@pytest.mark.parametrize(
    "line",
    [
        "max-reserved = many", "max-reserved = -1", "max-reserved = 1.5", "max-shrink = 20", "max-shrink = nan",
        "slave-load-max = inf", "keep-sources-list = perhaps", "distro = sid bookworm", "distro = ../sid",
        "arch = AMD 64", "mirror = mirror.example.org/debian", "mirror = http://a b", "mirror = http://",
        "mirror = http://[::1", "chroot-backend = docker", "idle-sleep = soon", "idle-sleep = -5",
        "expire-old-days = 3 weeks", "packages = a/b", "depends-sections = a//b", "tmpdir = ~somebody/tmp",
        "area = main contrib", "log-file = two words", "lease-timeout = 0", "reservation-timeout = 0h",
        "lease-timeout = 99999d", "reserve-wait = 999999999999d", "refresh-interval = 3651d",
    ],
)
def test_a_wrong_value_is_refused_with_file_line_section_key_and_expectation(tmp_path: Path, line: str) -> None:
    error = refused(tmp_path, f"[global]\n\n[sid]\n{line}\n")
    key = line.partition(" ")[0]
    assert error.message.startswith(f"{tmp_path}/piuparts.conf:4: [sid] {key}: expected ")
    assert error.exit_status == 2


@pytest.mark.parametrize(
    "line",
    [
        "slave-count = 0", "PYTHONPATH = ~nobody/x", "proxy = ftp://x", "state = mysql://x/y",
        "state = sqlite://x/y", "sections = a b/", "testing-suite = a b",
    ],
)
def test_a_wrong_value_of_the_farm_is_refused(tmp_path: Path, line: str) -> None:
    assert ":2: [global] " in refused(tmp_path, f"[global]\n{line}\n").message


def test_a_wrong_value_in_default_is_reported_once_and_there(tmp_path: Path) -> None:
    file = tmp_path / "piuparts.conf"
    file.write_text("[DEFAULT]\nmax-reserved = x\n[a]\n[b]\n")
    assert [problem.message.partition(": expected")[0] for problem in examine(file).problems] == [
        f"{file}:2: [DEFAULT] max-reserved"
    ]


def test_a_wrong_value_in_global_is_reported_once_and_there(tmp_path: Path) -> None:
    file = tmp_path / "piuparts.conf"
    file.write_text("[global]\nmax-reserved = x\n[a]\n[b]\n[c]\nidle-sleep = y\n")
    problems = [problem.message for problem in examine(file).problems]
    assert [message.partition(": ")[2].partition(":")[0] for message in problems] == [
        "[global] max-reserved", "[c] idle-sleep",
    ]
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert "1 more: piufarm check-config" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key = 1\n", ":1: a value outside any section"),
        ("[a]\nb = 1\nb = 2\n", ":3: [a] sets b a second time"),
        ("[a]\n[b]\n[a]\n", ":3: section [a] appears a second time"),
        ("[a]\nnonsense\n", ":2: neither a section, a key nor a comment: nonsense"),
        ("[a]\narea = x\x00y\n", ":2: control character"),
        (b"[a]\n\ndescription = caf\xe9\n", ":3: not UTF-8"),
        ("[a]\narea = 50%\n", ":2: [a] area: bad interpolation"),
        ("[a]\narea = %(nothing)s\n", ":2: [a] area: bad interpolation"),
        ("[a]\narea = %(area)s\n", ":2: [a] area: bad interpolation"),
        ("[a b]\n", ":1: [a b]: not a SectionName"),
    ],
)
def test_a_broken_file_is_refused_with_the_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert message in refused(tmp_path, text).message


def test_a_missing_file_a_directory_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "nowhere.conf")
    with pytest.raises(ConfigError, match="cannot read"):
        load(tmp_path)
    huge = tmp_path / "huge.conf"
    with huge.open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    with pytest.raises(ConfigError, match="larger than"):
        load(huge)


def test_a_byte_order_mark_and_dos_line_ends_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "piuparts.conf"
    file.write_bytes(b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode())
    assert load(file).sections[SID].max_reserved == 7


def test_default_section_and_interpolation_work_as_configparser_has_them(tmp_path: Path) -> None:
    configuration = loaded(
        tmp_path,
        "[DEFAULT]\nflags-base = --a\nflags-unused = --x\nidle-sleep = 9\nmine = --b\n"
        "[global]\nidle-sleep = 10\nbts-from = somebody\n"
        "[sid]\nown = --c\npiuparts-flags = %(flags-base)s %(mine)s %(own)s 100%%\n",
    )
    section = configuration.sections[SID]
    assert section.piuparts_flags == ("--a", "--b", "--c", "100%")
    assert section.idle_sleep == 9, "[DEFAULT] is part of the section and so comes before [global]"
    assert configuration.origins[SID, "idle-sleep"] == Origin("[DEFAULT]", 4)
    assert configuration.warnings == ()
    assert set(configuration.sections) == {"global", "sid"}, "[global] can be selected, DEFAULT cannot"


def test_an_unknown_key_is_warned_about_with_the_nearest_known_one(tmp_path: Path) -> None:
    warnings = loaded(tmp_path, "[sid]\nmax-reservd = 3\nxyzzy = 1\n[DEFAULT]\nhelper = 1\n").warnings
    assert [warning.partition("piuparts.conf")[2] for warning in warnings] == [
        ":2: [sid] max-reservd: unknown key; did you mean max-reserved?",
        ":3: [sid] xyzzy: unknown key; it is ignored",
        ":5: [DEFAULT] helper: unknown key; it is ignored",
    ]


def test_what_leads_nowhere_is_warned_about(tmp_path: Path) -> None:
    warnings = loaded(
        tmp_path,
        "[global]\nsections = sid gone\nbasetgz-sections = away\n"
        "[sid]\nslave-count = 3\ndepends-sections = lost\narchive-keyring = /nowhere.gpg\n",
    ).warnings
    assert [warning.partition("piuparts.conf:")[2] for warning in warnings] == [
        "5: [sid] slave-count: has no effect here, only in [global]",
        "2: [global] sections: there is no section [gone]; it is left out",
        "3: [global] basetgz-sections: there is no section [away]; it is left out",
        "6: [sid] depends-sections: there is no section [lost]; it is left out",
        "4: [sid]: neither distro nor upgrade-test-distros is set; nothing will be tested",
        "7: [sid] archive-keyring: there is no file /nowhere.gpg on this host",
    ]


def test_relative_paths_count_from_the_home_directory_and_bases_from_the_slaves_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/piuparts")
    configuration = loaded(
        tmp_path,
        "[global]\nmaster-directory = farm\noutput-directory = ~/html\nslave-directory = slave\ntmpdir = ~\n"
        "basetgz-directory = bases\n[sid]\n[tarball/sid]\nbasetgz-directory = /srv/bases\n",
    )
    farm, section = configuration.farm, configuration.sections[SID]
    assert farm.master_directory == Path("/home/piuparts/farm")
    assert farm.state == "sqlite:///home/piuparts/farm/piufarm.sqlite"
    assert farm.output_directory == Path("/home/piuparts/html")
    assert section.tmpdir == Path("/home/piuparts")
    assert section.basetgz_directory == Path("/home/piuparts/slave/sid/bases")
    assert configuration.sections[SectionName("tarball/sid")].basetgz_directory == Path("/srv/bases")


def test_without_slave_directory_slaves_work_where_they_are_started(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").farm.slave_directory == Path.cwd()


def test_the_global_log_file_is_not_the_log_of_sections(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, "[global]\nlog-file = errors.log\n[sid]\n")
    assert configuration.farm.log_file == "errors.log"
    assert configuration.sections[SID].log_file == "sid/master.log"


def test_the_documents_root_loses_its_trailing_slash(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[global]\ndoc-root = piuparts/\n").farm.doc_root == "/piuparts"
    assert loaded(tmp_path, "[global]\ndoc-root = /\n").farm.doc_root == ""


def test_a_proxy_may_be_given_without_its_scheme(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[global]\nproxy = localhost:3128\n").farm.proxy == "http://localhost:3128"


def test_the_environment_names_the_file_and_the_option_beats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"[{name}]\n")
    monkeypatch.setenv("PIUPARTS_CONF", str(tmp_path / "one"))
    assert set(load().sections) == {"one"}
    assert set(load(tmp_path / "two").sections) == {"two"}


@given(text=st.text(max_size=400) | st.text(alphabet="[]=:%()s #;\n\t ab-", max_size=400))
@example("[a]\n=\n")
@example("[a]\n = x\n")
@example("[]\n")
@example("[global]\nmirror=%(mirror)s")
@example("[a]\nb\n : c")
def test_any_text_loads_or_is_refused_by_a_configuration_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.conf"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        configuration = load(file)
    except ConfigError as error:
        assert error.message
    else:
        assert isinstance(configuration.farm, Global)


_VALUES = st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)


@given(values=st.dictionaries(st.sampled_from([setting.key for setting in SETTINGS]), _VALUES, max_size=12))
def test_any_values_of_known_keys_load_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "values.conf"
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    file.write_text(f"[global]\n{lines}[sid]\n{lines}")
    examination = examine(file)
    assert (examination.configuration is None) == bool(examination.problems)


@given(text=st.text(alphabet="[]=:# \nabC", max_size=200))
def test_line_numbers_are_known_for_exactly_the_keys_that_are_read(text: str) -> None:
    try:
        ini = parse_ini(text, Path("any.conf"))
    except ConfigError:
        return
    read = {(name, key) for name in ini.sections for key in ini.parser[name]}
    assert {place for place in ini.lines if place[1]} == read
    for (_, key), number in ini.lines.items():
        if key:
            assert text.split("\n")[number - 1].strip().lower().startswith(key)


@pytest.mark.parametrize("name", ["sid/pass", "sid/runs/x", "sid/trouble"])
def test_a_section_cannot_lie_in_a_folder_that_another_one_fills(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, f"{PLAIN}\n[{name}]\ndistro = sid\n")
    assert f"[{name}]" in error.message
    assert "the section [sid]" in error.message


def test_sections_may_lie_beside_the_files_of_another_one(tmp_path: Path) -> None:
    names = ("sid/amd64", "pass/sid", "tarball/sid")
    configuration = loaded(tmp_path, PLAIN + "".join(f"\n[{name}]\ndistro = sid\n" for name in names))
    assert set(names) < set(configuration.sections)
