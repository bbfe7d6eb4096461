"""Busy or hung: told from counts, processor time and the clock."""

from guard.core.watch import Spent, Watch

MS = 1_000_000


def test_a_stage_that_goes_on_to_the_next_message_is_busy() -> None:
    watch = Watch(1000, 500)
    for at in range(1, 100):
        assert watch.look(Spent(at, at - 1, at * 900 * MS), at * 900 * MS) == ""


def test_a_stage_that_waits_is_not_hung() -> None:
    watch = Watch(1000, 500)
    assert watch.look(Spent(5, 5, 0), 0) == ""
    assert watch.look(Spent(5, 5, 9000 * MS), 9_000_000 * MS) == ""


def test_a_loop_costs_its_processor_time() -> None:
    watch = Watch(10_000, 500)
    assert watch.look(Spent(1, 0, 100 * MS), 0) == ""
    assert watch.look(Spent(1, 0, 600 * MS), 500 * MS) == ""
    assert "500 ms of processor time" in watch.look(Spent(1, 0, 602 * MS), 510 * MS)


def test_one_that_sleeps_costs_its_time() -> None:
    watch = Watch(1000, 500)
    assert watch.look(Spent(3, 2, 0), 0) == ""
    assert watch.look(Spent(3, 2, 0), 1000 * MS) == ""
    assert "1000 ms" in watch.look(Spent(3, 2, 0), 1002 * MS)


def test_each_message_has_time_of_its_own() -> None:
    watch = Watch(1000, 500)
    assert watch.look(Spent(1, 0, 0), 0) == ""
    assert watch.look(Spent(2, 1, 0), 5000 * MS) == ""
    assert watch.look(Spent(2, 1, 0), 5900 * MS) == ""
    assert watch.look(Spent(2, 2, 0), 9000 * MS) == ""
    assert watch.look(Spent(3, 2, 0), 9100 * MS) == ""


def test_one_looks_often_enough() -> None:
    assert Watch(100, 100).look_ms == 25
    assert Watch(600_000, 600_000).look_ms == 500
