"""JSONata that shows a text to people, whatever characters it has.

S3 takes any character in a key, and an execution any text as a key: control characters, which not
every service takes, and halves of surrogate pairs, which are no text outside of JSON.
"""

# Characters that JSON escapes, halves of pairs included. A whole pair stays as it is.
_ESCAPED_BY_JSON = r"\u0000-\u001f\ud800-\udfff"
# Those that JSON does not escape: other control characters, and what turns the direction of text.
_OTHERS = [*range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
_OTHERS_CLASS = r"\u007f-\u009f\u2028-\u202e\u2066-\u2069"

_ESCAPES = ", ".join(f'"\\u{code:04x}": "\\\\u{code:04x}"' for code in _OTHERS)

# Defines `$shown($text)` and `$shownLines($text)`, which keeps the ends of lines.
DEFINITIONS = rf"""
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
