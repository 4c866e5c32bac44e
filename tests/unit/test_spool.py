import pytest

from virnucpro import StoreError
from virnucpro.records import Record
from virnucpro.runs.spool import spooled

RECORDS = [Record(1, "a first", "ACGT"), Record(2, "b", "GG"), Record(3, "a", "TTT"), Record(4, "", "C")]


def test_every_record_is_given_back_once_in_any_order(tmp_path):
    with spooled(RECORDS, tmp_path / "new") as spool:
        assert spool.take("b") == RECORDS[1]
        assert [spool.take("a"), spool.take("a"), spool.take("a")] == [RECORDS[0], RECORDS[2], None]
        assert spool.take("c") is None
        assert list(spool.left()) == [("record_4", 1)]
    assert list((tmp_path / "new").iterdir()) == []


def test_what_is_left_comes_in_file_order(tmp_path):
    with spooled(RECORDS, tmp_path) as spool:
        assert list(spool.left()) == [("a", 4), ("b", 2), ("a", 3), ("record_4", 1)]


def test_no_room(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot set sequences aside"), spooled(RECORDS, tmp_path / "file"):
        pass
