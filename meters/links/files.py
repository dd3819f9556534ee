"""Certificates from files, for TLS in both directions: what is wrong with a file is said before anything connects."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from prepaid.domain.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: who signs the other side, and who we are."""

    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""


def calling(files: TlsFiles) -> ssl.SSLContext:
    """For calling a gateway: it is verified, and it may verify us. Raises `Refused` for files that are of no use."""
    _must_be_given(files.ca_file, files.certificate_file, files.key_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _trust(context, files.ca_file)
    _present(context, files)
    return context


def called(files: TlsFiles) -> ssl.SSLContext:
    """For being called: with a `ca_file` only by those whom it signed. Raises `Refused` likewise."""
    _must_be_given(files.certificate_file, files.key_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _present(context, files)
    if files.ca_file:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, files.ca_file)
    return context


def _must_be_given(*names: str) -> None:
    if not all(names):
        raise Refused("refused.tls_files_missing")


def _trust(context: ssl.SSLContext, ca_file: str) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ValueError) as wrong:  # ssl.SSLError is an OSError
        raise _refused(ca_file) from wrong


def _present(context: ssl.SSLContext, files: TlsFiles) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # The empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(files.certificate_file, files.key_file, password="")
    except (OSError, ValueError) as wrong:
        raise _refused(f"{Path(files.certificate_file).name}, {Path(files.key_file).name}") from wrong


def _refused(name: str) -> Refused:
    return Refused("refused.tls_file", file=Path(name).name)
