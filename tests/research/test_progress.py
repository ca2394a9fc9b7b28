from workbench.research.progress import Progress


def test_the_plan_stands_above_the_bar_and_the_bar_has_rate_and_time_left(capsys):
    with Progress("sweep X", 4, shown=True) as bar:
        bar.say("4 points: about 1 s")
        for _ in range(4):
            bar.step()
    said = capsys.readouterr()
    assert said.out == "4 points: about 1 s\n"
    assert "sweep X: 100%" in said.err and "4/4" in said.err and "points/s" in said.err


def test_nothing_is_said_where_it_is_not_wanted(capsys):
    with Progress("sweep X", 4, shown=False) as bar:
        bar.say("4 points")
        bar.step()
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_a_listener_is_told_instead(capsys):
    told = []
    with Progress("sweep X", 4, shown=lambda *now: told.append(now)) as bar:
        bar.say("4 points")
        bar.step(3)
        bar.step()
    assert told == [(3, 4), (4, 4)]
    assert capsys.readouterr() == ("", "")
