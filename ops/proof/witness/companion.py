"""The witness beside `ops/chaos`: a process of its own that writes and looks until its standard input ends, and then until all is committed."""

import argparse
import json
import sys
import time

from servers import wait_for

from .testimony import Testimony
from .threads import Threads, caught_up
from .places import Places


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--options", required=True, help="a JSON file")
    parser.add_argument("--testimony", required=True)
    given = parser.parse_args()
    with open(given.options, encoding="utf-8") as file:
        options = json.load(file)
    testimony = Testimony(given.testimony)
    threads = Threads(options, testimony)
    threads.start()
    sys.stdin.read()
    threads.end(threads.stop_writing, threads.writers)
    threads.reader.is_slow = False
    places = Places(options["places"])
    try:
        wait_for("all is committed", 240, lambda: caught_up(places))
        wait_for("the other group has read all", 240, lambda: threads.reader.idle_turns > 5)
    except TimeoutError as error:
        testimony.note("process", what="comes to its end", holds=False, found=str(error))
    time.sleep(5)
    threads.end(threads.stop_looking, threads.watchers)
    testimony.close()
    print(json.dumps({"refused": 0, "connections": 0}))


if __name__ == "__main__":
    main()
