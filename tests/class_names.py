"""Names of classes that a company may have, hard on one format or another."""

HOSTILE = (
    "scone, burnt",
    "Pick-up",
    "K\u00e4se-Scone",
    "\u534a\u713c\u3051",
    "=cmd|' /C calc'!A0",
    "<b>bold</b>",
    'a "quoted" name',
    "left/right",
    r"back\slash",
    "${AWS::Region} $1 $_$",
    "[1]",
    "0",
    "\U0001f600",
    "x" * 64,
)
