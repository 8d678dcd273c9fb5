"""What the terminal shows: whole lines, and below them one block that is redrawn; elsewhere lines alone."""

import io
import logging
import re
import time

import pytest

from study.console import Console, note, printed, shown
from study.progress import LINES, Progress, duration


class Terminal(io.StringIO):
    """Shows what a terminal would: text at a cursor, carriage returns, cursor up, clearing to the end."""

    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        rows, row, column = [""], 0, 0
        for part in re.findall(r"\x1b\[\d*[AJ]|[\r\n]|[^\r\n\x1b]+", self.getvalue()):
            if part == "\r":
                column = 0
            elif part == "\n":
                row, column = row + 1, 0
                rows += [""] * (row + 1 - len(rows))
            elif part.endswith("J"):
                rows = [*rows[:row], rows[row][:column]]
            elif part.startswith("\x1b"):
                row -= int(part[2:-1])
            else:
                rows[row] = rows[row][:column].ljust(column) + part + rows[row][column + len(part) :]
                column += len(part)
        return [re.sub(r"^\[ *\d+:\d\d\] ", "", text) for text in rows]


@pytest.fixture
def terminal(monkeypatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    return Terminal()


def shows(terminal: Terminal, *lines: str) -> bool:
    """Whether the terminal comes to show these lines and no others."""
    until = time.monotonic() + 250
    while terminal.shown() != list(lines) and time.monotonic() < until:
        time.sleep(0.01)
    return terminal.shown() == list(lines)


def test_lines_stand_whole_above_the_block_in_order(terminal, tmp_path):
    say = Console(tmp_path / "log" / "run.log", screen=terminal)
    say("one")
    say.live("a", "a is at 1")
    say.live("b", "b is at 1")
    assert shows(terminal, "one", "", "a is at 1", "b is at 1")
    for number in range(5):
        say.live("a", f"a is at {number}")
        say(f"line {number}")
    lines = ["one", *(f"line {number}" for number in range(5))]
    assert shows(terminal, *lines, "", "a is at 4", "b is at 1")
    say.live("a", None)
    assert shows(terminal, *lines, "", "b is at 1")
    say.end()
    assert terminal.shown() == [*lines, ""]
    logged = (tmp_path / "log" / "run.log").read_text().splitlines()
    assert [line.partition("] ")[2] for line in logged] == lines


def test_what_others_print_stays_and_the_block_is_drawn_below_it(terminal):
    say = Console(screen=terminal)
    say.live("a", "working")
    assert shows(terminal, "", "working")
    terminal.write("a warning of somebody else, longer than the block was\n")
    assert shows(terminal, "a warning of somebody else, longer than the block was", "", "working")
    say.end()


def test_a_line_of_the_block_is_cut_to_the_screen(terminal):
    say = Console(screen=terminal)
    say.live("a", "x" * 200)
    while not terminal.getvalue():
        time.sleep(0.01)
    say.end()
    plain = re.sub(r"\x1b\[\d*[AJ]", "", terminal.getvalue())
    assert max(map(len, re.split(r"[\r\n]", plain))) == 59


def test_without_a_terminal_there_are_lines_alone(tmp_path):
    screen = io.StringIO()
    say = Console(tmp_path / "run.log", screen=screen)
    say.live("a", "working")
    say.note("half of it")
    say.live("a", None)
    say.end()
    assert re.fullmatch(r"\[ +\d+:\d\d\] half of it\n", screen.getvalue())
    assert (tmp_path / "run.log").read_text() == screen.getvalue()


def test_a_note_goes_to_the_log_of_one_who_has_a_terminal(terminal, tmp_path):
    say = Console(tmp_path / "run.log", screen=terminal)
    say.note("half of it")
    assert terminal.getvalue() == "" and "half of it" in (tmp_path / "run.log").read_text()


def test_a_screen_and_a_log_that_break_end_no_study(tmp_path):
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    (tmp_path / "log").mkdir()
    say = Console(tmp_path / "log", screen=Gone())
    say("one")
    say("two")


def test_what_modules_log_is_shown_while_a_console_is_there_and_silent_otherwise(tmp_path):
    screen, log = io.StringIO(), logging.getLogger("study.data.anything")
    log.info("before"), note("before")
    with shown(Console(tmp_path / "run.log", screen=screen)):
        log.info("of %s", "images")
        logging.getLogger("cluster.session").info("of the cluster")
        logging.getLogger("another.library").info("not ours")
        note("noted")
    log.info("afterwards")
    lines = [line.partition("] ")[2] for line in screen.getvalue().splitlines()]
    assert lines == ["of images", "of the cluster", "noted"]
    assert (tmp_path / "run.log").read_text() == screen.getvalue()


def test_a_command_without_a_console_may_print_what_is_logged(capsys):
    with printed():
        logging.getLogger("study.maintenance").info("one")
    logging.getLogger("study.maintenance").info("two")
    assert capsys.readouterr().out == "one\n"


def progress(cells: int, each: int) -> None:
    stage = Progress("linear trials", {str(cell): each for cell in range(cells)})
    for number in range(cells * each):
        stage.best(number / 10, f"auc {number / 10:.3f} (scratch-0)")
        stage.ended(str(number % cells), "failed_oom" if number == 1 else "completed")


def test_progress_tells_runs_cells_failures_the_best_and_what_is_left(terminal):
    with shown(Console(screen=terminal)):
        stage = Progress("linear trials", {"a": 1, "b": 2}, done=3)
        stage.best(0.5, "auc 0.500 (scratch-0)")
        stage.best(0.4, "auc 0.400 (spark-0)")
        stage.ended("a", "completed")
        stage.ended("b", "failed_nan")
        while "5 of 6" not in terminal.shown()[-1]:
            time.sleep(0.01)
        assert re.match("linear trials: 5 of 6, about .* left, 1 of 2 cell", terminal.shown()[-1])
        stage.ended("b", "completed")
    whole = "linear trials: 6 of 6, 2 of 2 cells done, 1 failed, best auc 0.500 (scratch-0)"
    assert terminal.shown() == [f"  {whole}", ""]


@pytest.mark.parametrize(("cells", "each"), [(2, 3), (100, 200)])
def test_progress_is_quiet_however_many_runs_there_are(cells, each):
    screen = io.StringIO()
    with shown(Console(screen=screen)):
        progress(cells, each)
    lines = screen.getvalue().splitlines()
    assert min(cells * each, LINES) - 1 <= len(lines) <= LINES + 1
    assert f"{cells * each:,} of {cells * each:,}, {cells} of {cells} cells done, 1 failed" in lines[-1]
    assert "left" in lines[0] and "left" not in lines[-1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(8.4, "8 s"), (150, "2.5 min"), (3599, "1 h 0 min"), (7800, "2 h 10 min"), (273600, "3 d 4 h")],
)
def test_times_are_told_to_the_precision_that_matters(seconds, words):
    assert duration(seconds) == words
