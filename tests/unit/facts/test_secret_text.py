"""Secrets in text are found by their shape and name, and harmless text stays as it is."""

import random
import string

import pytest

from agents.facts.secret_text import cleaned, cleaned_value

LETTERS = string.ascii_letters + string.digits
SEED = 20_261_123


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("http://user:pw@proxy:3128", "user:pw"),
        ("postgres://app:s3cret@db/x?sslmode=on", "app:s3cret"),
        ("--splunk-token=abcdef", "abcdef"),
        ("DB_PASSWORD=hunter2", "hunter2"),
        ("db_PassWord: hunter2", "hunter2"),
        ('{"client_secret": "hunter2"}', "hunter2"),
        ("dbpass=abcde", "abcde"),
        ("X-Api-Key:deadbeefcafe", "deadbeefcafe"),
        ("Authorization: Bearer abcdefghijkl", "abcdefghijkl"),
        ("clone ghp_abcdefghijklmnop0123456789", "ghp_abcdefghijklmnop0123456789"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "eyJzdWIiOiIxMjM0In0"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "K7MDENG"),
        ("-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----", "abc"),
        ("-----BEGIN PRIVATE KEY-----\ncut of", "cut of"),
        ("k1.3bbd3397-5fa0-4a82-96f0-b1dbdb0a74a2.secretsecret.tag", "secretsecret"),
    ],
)
def test_a_secret_leaves_a_mark_only(text: str, secret: str) -> None:
    assert secret not in cleaned(text)
    assert "\u2039redacted:" in cleaned(text)


def test_what_is_around_a_secret_stays() -> None:
    before, after = "http://", "@proxy:3128/x"
    found = cleaned(f"{before}u:p{after}")
    assert found.startswith(f"{before}\u2039redacted:userinfo:3:")
    assert found.endswith(f"\u203a{after}")


def test_the_mark_changes_with_the_secret_and_with_the_key() -> None:
    marks = {cleaned(f"token={secret}", key) for secret in ("abcd", "abce") for key in (b"1", b"2")}
    assert len(marks) == 4


@pytest.mark.parametrize(
    "text",
    [
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDK0OVi8CBO2Yo8LsQ",
        "/var/lib/docker/overlay2/l/ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "/run/containerd/io.containerd.runtime.v2.task/moby/0123456789abcdef",
        "password requisite pam_unix.so yescrypt",
        "password=*",
        "store_bypass: thread vulnerable",
        "CONFIG_STRICT_KERNEL_RWX=y",
        "net.ipv4.conf.all.accept_source_route=0",
        "token: /run/secrets/token",
        "PasswordAuthentication=no",
        "3bbd3397-5fa0-4a82-96f0-b1dbdb0a74a2",
        "registry.example.org:5000/team/app-server:2026.11.23-rc1",
        "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz",
        "/sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda",
    ],
)
def test_harmless_text_stays(text: str) -> None:
    assert cleaned(text) == text


def lookalikes(count: int) -> list[str]:
    """Ids, digests, versions, paths, units and pods as hosts show them."""
    pick = random.Random(SEED)

    def hexadecimal(length: int) -> str:
        return "".join(pick.choices("0123456789abcdef", k=length))

    def word(length: int) -> str:
        return "".join(pick.choices(string.ascii_lowercase, k=length))

    shapes = (
        lambda: hexadecimal(64),
        lambda: "sha256:" + hexadecimal(64),
        lambda: f"/docker/{hexadecimal(64)}",
        lambda: f"/kubepods.slice/kubepods-pod{hexadecimal(8)}_{hexadecimal(4)}.slice",
        lambda: f"{word(8)}-{hexadecimal(10)}-{word(5)}",
        lambda: f"/home/{word(7)}/{word(9)}/{word(6)}.conf",
        lambda: f"{word(6)}.service",
        lambda: f"{word(7)}/{word(9)}:{pick.randint(1, 99)}.{pick.randint(0, 99)}-{word(6)}",
        lambda: f"Linux version 6.1.{pick.randint(0, 200)}-amd64 (debian-kernel@lists.debian.org)",
        lambda: f"rw,nosuid,relatime,size={pick.randint(1000, 9_999_999)}k,mode=755",
    )
    return [shapes[number % len(shapes)]() for number in range(count)]


def test_of_500_lookalikes_at_most_2_in_100_are_taken_for_secrets() -> None:
    wrong = [text for text in lookalikes(500) if cleaned(text) != text]
    assert len(wrong) <= 10, wrong


def test_cleaning_reaches_members_and_their_names_at_any_depth() -> None:
    value = {"a": [{"token=abcdef": 1}, ["pw=abcdef", None, 2.5, True]]}
    assert "abcdef" not in str(cleaned_value(value))
    assert cleaned_value({"n": [1, None, "x"]}) == {"n": [1, None, "x"]}


@pytest.mark.parametrize(
    "piece",
    ["a", "password", "-----BEGIN PRIVATE KEY-----", "a://", "token= ", "aB3", "ghp_", "pw"],
)
def test_no_text_of_the_longest_kind_keeps_a_pattern_busy(piece: str) -> None:
    # A pattern that tries every split of its text would not end within the limit of one test.
    assert cleaned(piece * (32_768 // len(piece)))
