import ctypes

from virnucpro.models.memory import return_free_memory


def test_a_c_library_without_malloc_trim_is_left_alone(monkeypatch):
    return_free_memory()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    return_free_memory()


def test_malloc_trim_is_asked_for_all_that_is_free(monkeypatch):
    asked = []

    class Library:
        malloc_trim = staticmethod(asked.append)

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library())
    return_free_memory()
    assert asked == [0]
