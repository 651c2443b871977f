"""JSONata of the bulk state machine: how its input is read and refused."""

from stacks.constructs.common.jsonata import MAX_CAUSE, SHOWN_TEXT, expression, readable
from stacks.s3_layout import BULK_RESULTS

# The suffixes of manifests; without a manifest, pictures are listed by prefix.
MANIFESTS = ("csv", "jsonl")
PREFIX = "prefix"

# Characters of the input that a refusal repeats, as many as a key may have.
MAX_QUOTE = 1024


def read_input(data_bucket: str, results_bucket: str) -> str:
    """Return `{"listing", "key", "source", "results"}` for the execution's input, or `{"problem"}`.

    `listing` is "prefix", "csv" or "jsonl". `key` is the manifest's key in the data bucket, or the
    prefix: empty, or a folder with its slash, so that `week 2` does not list `week 28/`. `source`
    is the manifest or prefix as given; `results` is the prefix of the run's results.
    """
    return expression(
        f"""
        (
          {SHOWN_TEXT}
          $input := $type($states.input) = "object" ? $states.input : {{}};
          $data := "s3://{data_bucket}/";
          $runs := "s3://{results_bucket}/{BULK_RESULTS.path}/";
          $below := function($uri, $start) {{
            $substring($uri, 0, $length($start)) = $start ? $substring($uri, $length($start))
          }};
          $quote := function($given) {{ $shown($substring($string($given), 0, {MAX_QUOTE})) }};
          $source := $type($input.manifest) = "string" ? $input.manifest : $input.prefix;
          $isOne := $type($source) = "string" and $source != ""
            and $count($keys($input)[$ in ["prefix", "manifest"]]) = 1;
          $given := $isOne ? ($source & "/" = $data ? "" : $below($source, $data));
          $isFolder := $exists($input.prefix) and $given != "" and $substring($given, -1) != "/";
          $key := $isFolder ? $given & "/" : $given;
          $suffix := $lowercase($split($isOne ? $source : "", ".")[-1]);
          $listing := $exists($input.prefix) ? "{PREFIX}" : $suffix;
          $run := $exists($input.results)
            ? ($type($input.results) = "string" ? $below($input.results, $runs))
            : $states.context.Execution.Name;
          $named := $substring($run, -1) = "/" ? $substring($run, 0, $length($run) - 1) : $run;
          $isName := $exists($named) and $named != ""
            and $contains($named, /[^A-Za-z0-9_-]/) = false;
          $isOne != true
            ? {{"problem": "the input is " & $quote($states.input)
                & '; expected {{"prefix": "' & $data & '..."}} or {{"manifest": "' & $data
                & '....csv"}} (or .jsonl), and "results" of an earlier execution to finish '
                & "its run"}}
          : $exists($key) = false
            ? {{"problem": $quote($source) & " is not in the data bucket, the only one that is "
                & "read: copy it there (aws s3 cp --recursive) and name it as " & $data & "..."}}
          : $not($listing in {[PREFIX, *MANIFESTS]!r})
            ? {{"problem": "manifest " & $quote($source) & " is neither .csv (with a header, and a "
                & "column key) nor .jsonl (with a member key on each line)"}}
          : $isName != true
            ? {{"problem": "results is " & $quote($input.results) & "; expected " & $runs
                & "RUN of an earlier execution"}}
          : {{
              "listing": $listing,
              "key": $key,
              "source": $source,
              "results": "{BULK_RESULTS.path}/" & $named
            }}
        )
        """
    )


# For a source that a reader cannot read, before any picture was classified.
UNREADABLE = expression(
    f"""
    (
      {SHOWN_TEXT}
      {{
        "problem": $shown($substring($states.input.source, 0, {MAX_QUOTE})) & " cannot be read: "
          & $states.errorOutput.Error & ": "
          & $shownLines($substring({readable("$states.errorOutput.Cause")}, 0, {MAX_CAUSE}))
          & " (a .csv has a header of different columns, one of them key; a .jsonl has an object "
          & "with a member key on each line)"
      }}
    )
    """
)

KEY = "{% $states.input.key %}"
MAP_RESULTS = "{% $states.input.results & '/map' %}"

# The key in a row of a manifest, or the row, whose line of the results says what is wrong with it.
# Neither is longer than that line shows: a row of 256 KiB would end the run. Excel begins a CSV
# file, and with it the name of the first column, with a byte order mark.
ITEM = {
    "index": "{% $states.context.Map.Item.Index %}",
    "item": expression(
        f"""
        (
          $row := $states.context.Map.Item.Value;
          $key := $type($row) != "object" ? $row
            : $exists($row.key) ? $row.key : $lookup($row, "\\ufeffkey");
          $text := $string($row);
          $type($key) = "string" ? $substring($key, 0, {MAX_QUOTE + 1})
            : $length($text) > {MAX_QUOTE} ? {{"row": $substring($text, 0, {MAX_QUOTE})}} : $row
        )
        """
    ),
}
# In a cell, as in predictions.csv, a quote before a formula is not part of the key.
CSV_ITEM = {**ITEM, "quoted": "{% true %}"}
LISTED_ITEM = {**ITEM, "item": "{% $states.context.Map.Item.Value.Key %}"}

# The input of summarize_bulk.
WITH_MAP = expression(
    """
    $merge([
      $states.input, {"map": $states.result, "execution": $states.context.Execution.Id}
    ])
    """
)

LOCATION = "$states.input.location"


def is_listed_by(listing: str) -> str:
    """Return a condition: the pictures are listed that way."""
    return f'{{% $states.input.listing = "{listing}" %}}'
