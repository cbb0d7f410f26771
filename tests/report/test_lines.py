from videoclip.library.ranking import Hit
from videoclip.library.search import Found
from videoclip.report.lines import print_hits


def test_a_hit_is_listed_with_its_share_or_by_what_found_it(capsys):
    hit = Hit(1, "/v/a.mp4", 20.0, 28.0, 1.0, 0.99, None)
    known = Hit(1, "/v/b.mp4", 0.0, 4.0, 0.9, 0.9, None, "we paint it", sure=0.314)
    said = Hit(1, "/v/c.mp4", 0.0, 4.0, 0.8, None, 3.2)
    print_hits(Found([hit, known, said]))
    first, second, spoken, third = capsys.readouterr().out.splitlines()
    assert first.split()[-2:] == ["seen", "/v/a.mp4"]
    assert second.split()[-3:] == ["31", "%", "/v/b.mp4"]
    assert spoken.strip() == "“we paint it”"
    assert third.split()[-2:] == ["said", "/v/c.mp4"]
    assert "99" not in first, "how well the pictures fit is no probability"
