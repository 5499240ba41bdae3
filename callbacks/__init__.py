"""What we promised: calls we owe people, when each is made, and what follows from how it went.

Pure of the daemon: it is handed a store, a dialler and a calendar (``ports``), and imports none of the other rooms.
"""
