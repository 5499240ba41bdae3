"""Notices as they are published: read to the day, and doubted where they contradict themselves."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.test_public_holidays import OFF_2024, OFF_2025, OFF_2026, WORKED

from callflows.calendar_file import load_calendars
from callflows.notice_text import NoticeError, as_notice, as_yaml, read_notice

# The lines that count of the three notices, in their own form, which is another each year.
NOTICES = {
    2024: """国务院办公厅关于2024年
部分节假日安排的通知
现将2024年元旦等放假调休日期的具体安排通知如下。
一、元旦：1月1日放假，与周末连休。
二、春节：2月10日至17日放假调休，共8天。2月4日（星期日）、2月18日（星期日）上班。鼓励安排职工在除夕（2月9日）休息。
三、清明节：4月4日至6日放假调休，共3天。4月7日（星期日）上班。
四、劳动节：5月1日至5日放假调休，共5天。4月28日（星期日）、5月11日（星期六）上班。
五、端午节：6月10日放假，与周末连休。
六、中秋节：9月15日至17日放假调休，共3天。9月14日（星期六）上班。
七、国庆节：10月1日至7日放假调休，共7天。9月29日（星期日）、10月12日（星期六）上班。
""",
    2025: """关于2025年部分节假日安排的通知
一、元旦：1月1日（周三）放假1天，不调休。
二、春节：1月28日（农历除夕、周二）至2月4日（农历正月初七、周二）放假调休，共8天。1月26日（周日）、2月8日（周六）上班。
三、清明节：4月4日（周五）至6日（周日）放假，共3天。
四、劳动节：5月1日（周四）至5日（周一）放假调休，共5天。4月27日（周日）上班。
五、端午节：5月31日（周六）至6月2日（周一）放假，共3天。
六、国庆节、中秋节：10月1日（周三）至8日（周三）放假调休，共8天。9月28日（周日）、10月11日（周六）上班。
""",
    2026: """关于2026年部分节假日安排的通知
一、元旦：1月1日（周四）至3日（周六）放假调休，共3天。1月4日（周日）上班。
二、春节：2月15日（农历腊月二十八、周日）至23日（农历正月初七、周一）放假调休，共9天。2月14日（周六）、2月28日（周六）上班。
三、清明节：4月4日（周六）至6日（周一）放假，共3天。
四、劳动节：5月1日（周五）至5日（周二）放假调休，共5天。5月9日（周六）上班。
五、端午节：6月19日（周五）至21日（周日）放假，共3天。
六、中秋节：9月25日（周五）至27日（周日）放假，共3天。
七、国庆节：10月1日（周四）至7日（周三）放假调休，共7天。9月20日（周日）、10月10日（周六）上班。
""",
}


@pytest.mark.parametrize(("year", "off"), [(2024, OFF_2024), (2025, OFF_2025), (2026, OFF_2026)])
def test_the_notices_are_read_to_the_day(year: int, off: list[date]) -> None:
    found, holidays = read_notice(NOTICES[year])
    notice = as_notice(holidays)
    assert found == year
    assert notice.holidays == set(off)
    assert notice.make_up_days == {day for day in WORKED if day.year == year}


def test_what_is_read_can_be_pasted_into_the_calendar_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    year, holidays = read_notice(NOTICES[2025])
    file = tmp_path_factory.mktemp("notice") / "calendar.yaml"
    file.write_text(as_yaml(year, holidays) + "hotline: {}\n", encoding="utf-8")
    assert load_calendars(file)["hotline"].notices == {2025: as_notice(holidays)}


def test_a_holiday_may_begin_in_the_year_before() -> None:
    """As in 2023's notice, which took the last day of 2022."""
    _, [holiday] = read_notice("2023年部分节假日安排\n一、元旦：2022年12月31日至2023年1月2日放假调休，共3天。\n")
    assert holiday.off == (date(2022, 12, 31), date(2023, 1, 1), date(2023, 1, 2))


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ("共9天", "共8天", "春节: it says 8 days"),
        ("2月14日（周六）", "2月14日（周日）", "2026-02-14 is a Saturday, and the notice calls it 周日"),
        ("2月28日（周六）", "2月30日（周六）", "there is no 2月30日"),
        ("5月9日（周六）", "5月8日", "2026-05-08 is worked, and is a Friday"),
        ("6月19日（周五）至21日（周日）放假", "放假", "端午节: it doesn't say which days"),
        ("9月25日（周五）至27日（周日）放假，共3天", "10月1日至3日放假", "2026-10-01 is in two holidays"),
        ("10月1日（周四）至7日（周三）放假调休，共7天", "10月1日至11月7日放假", "is no holiday"),
        ("10月10日（周六）上班", "10月4日（周日）上班", "2026-10-04 is both off and worked"),
        ("关于2026年部分节假日安排的通知", "通知", "for which year"),
    ],
)
def test_a_notice_that_contradicts_itself_is_refused(was: str, becomes: str, sentence: str) -> None:
    assert was in NOTICES[2026]
    with pytest.raises(NoticeError) as raised:
        read_notice(NOTICES[2026].replace(was, becomes, 1))
    assert sentence in str(raised.value)


@pytest.mark.parametrize("text", ["", "2027年部分节假日安排的通知", "关于2027年部分节假日安排的通知\n一、元旦：放假"])
def test_what_is_no_notice_is_a_sentence(text: str) -> None:
    with pytest.raises(NoticeError):
        read_notice(text)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(0, 12), st.text("一二1234567890月日至放假上班（周六）、：\n", max_size=8))
def test_a_damaged_notice_is_never_a_traceback(at: int, length: int, put: str) -> None:
    with contextlib.suppress(NoticeError):
        year, holidays = read_notice(NOTICES[2026][:at] + put + NOTICES[2026][at + length :])
        assert as_yaml(year, holidays)
