"""Two Anki collections on one sync server, told line by line what to do.

Each line on stdin is a JSON array: a verb and its arguments. Each answer is one line of JSON: the
milliseconds that the verb took, without this program's own start.
"""

import json
import os
import sys
import time

from anki.collection import AddNoteRequest, Collection

USER, PASSWORD = "bench", "bench"


class Laptop:
    """One collection, signed in."""

    def __init__(self, folder, name, endpoint):
        self.col = Collection(os.path.join(folder, name + ".anki2"))
        self.auth = self.col.sync_login(username=USER, password=PASSWORD, endpoint=endpoint)

    def whole(self, upload):
        """The first sync of a collection sends or fetches the whole file, empty here."""
        self.col.close_for_full_sync()
        self.col.full_upload_or_download(auth=self.auth, server_usn=None, upload=upload)
        self.col.reopen(after_full_sync=True)

    def sync(self):
        """The normal way: what changed, in both directions."""
        done = self.col.sync_collection(self.auth, False)
        if done.required not in (done.NO_CHANGES, done.NORMAL_SYNC):
            raise RuntimeError(f"a whole sync is asked for: {done}")

    def add(self, count):
        kind = self.col.models.by_name("Basic")
        requests = []
        for n in range(count):
            note = self.col.new_note(kind)
            note["Front"], note["Back"] = f"front of note {n}", f"back of note {n}"
            requests.append(AddNoteRequest(note=note, deck_id=1))
        self.col.add_notes(requests)

    def edit(self, text):
        note = self.col.get_note(self.col.find_notes("")[0])
        note["Front"] = text
        self.col.update_note(note)

    def count(self):
        return self.col.note_count()


def main():
    endpoint, folder = sys.argv[1:]
    laptops = {name: Laptop(folder, name, endpoint) for name in ("a", "b")}
    laptops["a"].whole(upload=True)
    laptops["b"].whole(upload=False)
    print(json.dumps(0), flush=True)
    for line in sys.stdin:
        verb, name, *rest = json.loads(line)
        started = time.perf_counter()
        said = getattr(laptops[name], verb)(*rest)
        took = (time.perf_counter() - started) * 1000
        print(json.dumps(took if said is None else said), flush=True)


main()
