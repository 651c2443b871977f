import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from localcloud.algorithm import train
from localcloud.algorithm.model import FILE_NAME, Model
from tests.unit.localcloud.algorithm.small_job import Job

TRAIN_LIST, VALIDATION_LIST = "train_lst/any-name.lst", "validation_lst/any-name.lst"
COMMAND = [sys.executable, "-m", "localcloud.algorithm", "train"]


def test_job_writes_a_model_and_reports_as_the_real_algorithm_does(job: Job) -> None:
    done = subprocess.run([*COMMAND, job.root], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    prefix = re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] ")
    assert all(prefix.match(line) for line in lines)
    messages = [prefix.sub("", line) for line in lines]
    assert "features (train) 24/24" in messages
    assert "features (validation) 8/8" in messages
    assert "Epoch[0] Train-accuracy=1.000000" in messages
    assert "Epoch[0] Validation-accuracy=1.000000" in messages
    assert done.stderr == ""
    assert not (job.root / "output").exists()
    Model.load(job.root / "model")


def test_hyperparameters_of_the_network_change_nothing(job: Job) -> None:
    models = []
    for image_shape, more in (
        ("3,32,32", {"resize": "40", "epochs": "60", "lr_scheduler_step": "40,50"}),
        ("3,224,224", {"resize": "256", "use_pretrained_model": "1"}),
    ):
        job.hyperparameters |= {"image_shape": image_shape, **more}
        job.write_configuration()
        assert train.main(job.root) == 0
        models.append((job.root / "model" / FILE_NAME).read_bytes())
    assert models[0] == models[1]


def test_repeated_pictures_are_learned_once_and_weigh_more(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    lines = (job.data / TRAIN_LIST).read_text().splitlines(keepends=True)
    files = []
    for repeated in (1, 4):
        repeats = [f"{n}\t1\tclass1/{n % 3}.png\n" for n in range(99, 99 + 3 * repeated)]
        job.write_list("train", "".join([*lines[:12], *repeats]))
        job.hyperparameters["num_training_samples"] = str(12 + 3 * repeated)
        job.write_configuration()
        caplog.clear()
        with caplog.at_level("INFO"):
            assert train.main(job.root) == 0
        assert "features (train) 15/15" in caplog.text
        files.append((job.root / "model" / FILE_NAME).read_bytes())
    assert files[0] != files[1]


def test_a_picture_repeated_is_one_picture(job: Job) -> None:
    lines = (job.data / TRAIN_LIST).read_text().splitlines(keepends=True)
    repeats = [f"{n}\t1\tclass1/0.png\n" for n in range(12, 24)]
    job.write_list("train", "".join([*lines[:12], *repeats]))
    assert train.main(job.root) == 1
    assert "class 1 has 1 training pictures; the local algorithm needs two" in job.failure


def test_too_many_pictures_are_drawn_evenly(
    job: Job, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(train, "MAX_PICTURES", 10)
    lines = (job.data / TRAIN_LIST).read_text().splitlines(keepends=True)
    job.write_list("train", "".join(lines[:-8]))  # 12 and 4
    job.hyperparameters["num_training_samples"] = "16"
    job.write_configuration()
    with caplog.at_level("INFO"):
        assert train.main(job.root) == 0
    assert "Learning from 10 of 16 pictures" in caplog.text
    assert "features (train) 10/10" in caplog.text
    assert "Validation-accuracy=1.0" in caplog.text


def test_sigterm_stops_it_at_once(job: Job) -> None:
    job.write_pictures("train", per_class=300, seed=0)
    with subprocess.Popen([*COMMAND, job.root], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Hyperparameters" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == -signal.SIGTERM
    assert not (job.root / "model" / FILE_NAME).exists()


def writes(name: str, content: str | bytes) -> Callable[[Job], object]:
    data = content if isinstance(content, bytes) else content.encode()
    return lambda job: (job.data / name).write_bytes(data)


def removes(name: str) -> Callable[[Job], object]:
    return lambda job: (job.data / name).unlink()


def parameter(name: str, value: str) -> Callable[[Job], object]:
    return lambda job: job.hyperparameters.update({name: value})


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (writes(TRAIN_LIST, "\n"), "any-name.lst names no picture"),
        (writes(VALIDATION_LIST, "0\t2\tclass0/0.png\n"), "line 1: label 2 is outside 0..1"),
        (writes(TRAIN_LIST, "0\tbicycle\tclass0/0.png\n"), "label 'bicycle' is not a number"),
        (writes(TRAIN_LIST, "0\t0.5\tclass0/0.png\n"), "label '0.5' is not a whole number"),
        (removes("train/class1/3.png"), "line 16: class1/3.png does not exist in channel train"),
        (
            writes(TRAIN_LIST, "0\t0\t../validation/class0/0.png\n"),
            "line 1: no picture .*'../validation/.*' is not a path below",
        ),
        (writes(TRAIN_LIST, f"0\t0\t{'a' * 300}.png\n"), "line 1: no picture .*name too long"),
        (writes(TRAIN_LIST, b"0\t0\t\xff.png\n"), "any-name.lst is not text in UTF-8"),
        (writes(TRAIN_LIST, "7\t0\tclass0/0.png\n7\t1\tclass1/0.png\n"), "2: duplicate index 7"),
        (writes(TRAIN_LIST, "0 0 class0/0.png\n"), "expected index<TAB>label<TAB>path"),
        (parameter("num_training_samples", "25"), "= 25, but the training list names 24"),
        (parameter("num_classes", "3"), "class 2 has 0 training pictures"),
        (writes("train/class1/3.png", b"no picture"), "3.png: not a readable PNG or JPEG"),
        (parameter("learningrate", "0.1"), "learningrate is unknown"),
        (lambda job: job.channels.pop("validation_lst"), "channels validation_lst are missing"),
        (lambda job: job.channels.update(model={}), "channels model are not supported"),
        (
            lambda job: job.channels["train"].update(ContentType="application/x-recordio"),
            "channel train: content type 'application/x-recordio'",
        ),
        (lambda job: job.channels["train"].clear(), "channel train: content type None"),
        (writes("train_lst/second.lst", b"0\t0\tclass0/0.png\n"), "exactly one .lst file, has 2"),
        (removes(VALIDATION_LIST), "channel validation_lst must hold exactly one .lst file, has 0"),
    ],
)
def test_wrong_input_is_a_client_error(
    job: Job, spoil: Callable[[Job], object], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(job)
    job.write_configuration()
    assert train.main(job.root) == 1
    assert re.search(f"^ClientError: .*{reason}", job.failure)
    assert capsys.readouterr().err == f"{job.failure}\n"
    assert not (job.root / "model" / FILE_NAME).exists()


def test_missing_configuration_is_a_client_error(tmp_path: Path) -> None:
    assert train.main(tmp_path) == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("ClientError: cannot read ")
    assert "hyperparameters.json" in failure


def test_our_own_mistake_is_an_algorithm_error(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "describe", Mock(side_effect=ZeroDivisionError("oops")))
    assert train.main(job.root) == 1
    assert job.failure == "AlgorithmError: ZeroDivisionError('oops')"
    assert "Traceback" in capsys.readouterr().err


def test_label_with_decimals_as_mxnet_writes_it_is_read(job: Job) -> None:
    lst = job.data / "train_lst" / "any-name.lst"
    job.write_list("train", re.sub(r"\t(\d)\t", r"\t\1.000000\t", lst.read_text()))
    assert train.main(job.root) == 0
