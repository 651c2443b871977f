"""JSONata that reads a Cause, or another service's text, without ever raising.

A Cause is often JSON text, but not always: it may be plain text that quotes JSON, JSON that was
cut off at 32,768 characters, or missing. `$parse` of such text ends the whole execution, so a
member is found by a regular expression instead.

The regular expressions write a backslash as \\x5c: JSONata takes a bracket after a backslash for
an escaped one and then misses the end of the expression.
"""

NO_CAUSE = "no cause was reported"

# A value ends at its quotation mark or where the text is cut off. The bound on escapes keeps
# engines that recurse for each of them off their limits.
_VALUE = r'"([^"\x5c]*(?:\x5c.[^"\x5c]*){0,1000})'

# Escapes that are decoded. Lone surrogates and control characters, which not every service takes,
# stay as they are written.
_ESCAPES = (
    r'["\x5c\/nrt]',
    r"u00(?:[2-7][0-9a-fA-F]|[89a-fA-F][0-9a-fA-F])",
    r"u(?:0[1-9a-fA-F]|[1-9a-ce-fA-CE-F][0-9a-fA-F]|[dD][0-7])[0-9a-fA-F]{2}",
    r"u[dD][89abAB][0-9a-fA-F]{2}\x5cu[dD][c-fC-F][0-9a-fA-F]{2}",
)
_ESCAPE = rf"\x5c(?:{'|'.join(_ESCAPES)})"


def text_member(name: str, *, of: str) -> str:
    """Return JSONata for the text that member `name` has in the JSON text `of`, or nothing.

    `of` is JSONata for text of any content, or for nothing.
    """
    return f"""
    $replace(
      $match({of}, /"{name}"\\s*:\\s*{_VALUE}/, 1).groups[0],
      /{_ESCAPE}/,
      function($escape) {{ $parse('"' & $escape.match & '"') }}
    )
    """


def readable(cause: str) -> str:
    """Return JSONata for what the Cause `cause` says, as text of one character or more.

    `cause` is JSONata for the Cause, which may be missing. A failed function's Cause has its
    message in `errorMessage`; any other Cause is returned as it is.
    """
    return f"""
    (
      $cause := $type({cause}) = "string" ? {cause} : "";
      $message := {text_member("errorMessage", of="$cause")};
      $message ? $message : $cause ? $cause : "{NO_CAUSE}"
    )
    """
