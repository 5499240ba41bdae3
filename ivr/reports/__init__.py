"""The daily log, the weekly and the monthly report (R52): read, counted, written as HTML, xlsx and CSV, and handed to the outbox.

``contents`` holds the numbers, ``document`` what is shown of them in one language; every form is written from that one document.
"""
