"""JSONata for state machines: how it is written, how errors are read, how text is shown."""

NO_CAUSE = "no cause was reported"
# Characters of a cause that a message or a refusal repeats.
MAX_CAUSE = 2000


def expression(text: str) -> str:
    """Return the JSONata on one line, as Step Functions takes it."""
    return "{% " + " ".join(line.strip() for line in text.strip().splitlines()) + " %}"


# A state that checks an input puts what is wrong with it in `problem`.
INPUT_IS_USABLE = "{% $exists($states.input.problem) = false %}"
PROBLEM = "{% $states.input.problem %}"

# --- the Cause of an error -----------------------------------------------------------------------
#
# A Cause is often JSON, but it may be plain text that quotes JSON, JSON that was cut off at 32,768
# characters, or missing. `$parse` of such text ends the whole execution, so a regular expression
# finds a member instead.
#
# The regular expressions write a backslash as \x5c: JSONata takes a bracket after a backslash for
# an escaped one and then misses the end of the expression.

# A value ends at its quotation mark or where the text is cut off. The bound on escapes keeps
# engines that recurse for each of them off their limits.
_VALUE = r'"([^"\x5c]*(?:\x5c.[^"\x5c]*){0,1000})'

# Escapes that are decoded. Lone surrogates and control characters, which not every service takes,
# stay as they are written.
_CAUSE_ESCAPES = (
    r'["\x5c\/nrt]',
    r"u00(?:[2-7][0-9a-fA-F]|[89a-fA-F][0-9a-fA-F])",
    r"u(?:0[1-9a-fA-F]|[1-9a-ce-fA-CE-F][0-9a-fA-F]|[dD][0-7])[0-9a-fA-F]{2}",
    r"u[dD][89abAB][0-9a-fA-F]{2}\x5cu[dD][c-fC-F][0-9a-fA-F]{2}",
)
_CAUSE_ESCAPE = rf"\x5c(?:{'|'.join(_CAUSE_ESCAPES)})"


def readable(cause: str) -> str:
    """Return JSONata for the message of the Cause `cause`, never empty.

    `cause` is JSONata for the Cause, which may be missing. A failed function's Cause has its
    message in `errorMessage`; any other Cause is returned as it is.
    """
    return f"""
    (
      $cause := $type({cause}) = "string" ? {cause} : "";
      $message :=
        $replace(
          $match($cause, /"errorMessage"\\s*:\\s*{_VALUE}/, 1).groups[0],
          /{_CAUSE_ESCAPE}/,
          function($escape) {{ $parse('"' & $escape.match & '"') }}
        )
      ;
      $message ? $message : $cause ? $cause : "{NO_CAUSE}"
    )
    """


# --- text of any characters, shown to people -----------------------------------------------------
#
# S3 takes any character in a key, and an execution any text as a key: control characters, which not
# every service takes, and halves of surrogate pairs, which are no text outside of JSON.

# Characters that JSON escapes, halves of pairs included. A whole pair stays as it is.
_ESCAPED_BY_JSON = r"\u0000-\u001f\ud800-\udfff"
# Those that JSON does not escape: other control characters, and those that turn the direction of
# text.
_OTHERS = [*range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
_OTHERS_CLASS = r"\u007f-\u009f\u2028-\u202e\u2066-\u2069"

_ESCAPES = ", ".join(f'"\\u{code:04x}": "\\\\u{code:04x}"' for code in _OTHERS)

# Defines `$shown($text)` and `$shownLines($text)`, which keeps line ends.
SHOWN_TEXT = rf"""
    $escapes := {{{_ESCAPES}}};
    $escaped := function($found) {{
      $substring($string([$found.match]), 2, $length($string([$found.match])) - 4)
    }};
    $shown := function($text) {{
      $replace(
        $replace($text, /[{_OTHERS_CLASS}]/, function($found) {{
          $lookup($escapes, $found.match)
        }}),
        /[{_ESCAPED_BY_JSON}]+/, $escaped
      )
    }};
    $shownLines := function($text) {{
      $join($split($text, "\n").$shown($), "\n")
    }};
"""
