"""What tests of the pages look with: keys, what the page said, and what is measured of how it looks.

Enters: an open page. Leaves: figures of WCAG 2.2, worked out from what the browser computed, not from the style sheets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'><svg onload=window.hacked=1>"
    "<a href='javascript:window.hacked=1'>tıkla</a><iframe srcdoc='<script>parent.hacked=1</script>'></iframe>"
    "<style>body{display:none}</style>{{7*7}} \x1b[31mkırmızı\x1b[0m \u202egnirts\u202c \u2066x\u2069 "
    "$\\href{javascript:1}{y}$"
)
"""A row's text that would take the page over, were it markup."""
_COLOURS = """
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const parse = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const over = (top, under, by = 1) => [0, 1, 2].map((i) => top[i] * top[3] * by + under[i] * (1 - top[3] * by)).concat(1);
  const part = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const chain = (element) => { const found = []; for (let at = element; at; at = at.parentElement) found.push(at); return found; };
  const opacity = (element) => chain(element).reduce((all, at) => all * Number(getComputedStyle(at).opacity), 1);
  const ground = (element) => { let color = [255, 255, 255, 1];
    for (const at of chain(element).reverse()) color = over(parse(getComputedStyle(at).backgroundColor), color);
    return color; };
  const ratio = (front, back) => { const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05); };
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
"""  # noqa: E501
CONTRAST = f"""() => {{ {_COLOURS}
  const found = []; const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {{ const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !seen(element)) continue;
    if (element.closest('.hush, option, script, style, noscript, [disabled], .told')) continue;
    const back = ground(element); const front = over(parse(getComputedStyle(element).color), back, opacity(element));
    found.push([ratio(front, back), walker.currentNode.data.trim().slice(0, 30)]); }}
  for (const item of document.querySelectorAll('[placeholder]')) if (seen(item)) {{
    const style = getComputedStyle(item, '::placeholder'); const back = ground(item);
    found.push([ratio(over(parse(style.color), back, Number(style.opacity)), back), item.placeholder]); }}
  return found; }}"""
"""Every text that is seen, placeholders too, with its contrast (1.4.3: at least 4.5)."""
EDGES = f"""() => {{ {_COLOURS}
  const found = [];
  for (const item of document.querySelectorAll(
    'button:not(.figure), select, input[type=text], textarea, .rubric label span, .track, mark[class], .swatch, .latex')) {{
    if (!seen(item) || item.closest('[disabled]')) continue;
    const style = getComputedStyle(item); const back = ground(item.parentElement);
    const line = ['Top', 'Bottom'].filter((side) => style[`border${{side}}Style`] !== 'none')
      .map((side) => ratio(over(parse(style[`border${{side}}Color`]), back), back));
    const outline = style.outlineStyle !== 'none' ? [ratio(over(parse(style.outlineColor), back), back)] : [];
    found.push([Math.max(0, ...line, ...outline, ratio(ground(item), back)), item.outerHTML.slice(0, 70)]); }}
  return found; }}"""  # noqa: E501
"""What shows where a control, a bar or a mark is, against what lies around it (1.4.11: at least 3)."""
FOCUS = f"""() => {{ {_COLOURS}
  const item = document.activeElement;
  const shown = item.matches('.rubric input') ? item.nextElementSibling : item;
  const style = getComputedStyle(shown); const box = shown.getBoundingClientRect();
  const back = ground(shown.parentElement ?? shown);
  return {{ tag: item.tagName, id: item.id, html: item.outerHTML.slice(0, 90) + item.textContent.trim().slice(0, 40),
    shown: style.outlineStyle === 'none' ? 0 : ratio(over(parse(style.outlineColor), back), back),
    inView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth }}; }}"""
"""What has the focus, the contrast of its outline (2.4.7, 1.4.11), and whether it can be seen (2.4.11)."""
NAMELESS = """() => [...document.querySelectorAll('button, input, select, textarea, section, dialog, form, main, ul, [role=group]')]
  .filter((item) => !(item.hidden || item.getAttribute('aria-label') || item.getAttribute('aria-labelledby')
    || item.labels?.length || item.textContent.trim())).map((item) => item.outerHTML.slice(0, 80))"""  # noqa: E501
HEADINGS = """() => [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter((item) => item.checkVisibility())
  .map((item) => [Number(item.tagName[1]), item.textContent.trim()])"""
SMALL = """() => [...document.querySelectorAll('button, select, input[type=text], textarea, summary, .rubric label')]
  .filter((item) => item.checkVisibility()).map((item) => [item.outerHTML.slice(0, 60), item.getBoundingClientRect()])
  .filter(([, box]) => box.height < 24 || box.width < 24 || box.left < 0
    || box.right > document.documentElement.clientWidth)
  .map(([item]) => item)"""
"""Targets that are smaller than 24 by 24 pixels, or not on the page (2.5.8)."""
WIDE = """() => [...document.body.querySelectorAll('*')].filter((item) => item.checkVisibility()
  && !item.closest('.hush, .jump') && !item.matches('.rubric input')
  && item.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5
  && !item.parentElement.closest('math, code, .code, .text'))
  .map((item) => item.outerHTML.slice(0, 80))"""
"""What reaches over the right edge of the page (1.4.10)."""


def press(page: Page, *keys: str) -> None:
    """Keys, one after another."""
    for key in keys:
        page.keyboard.press(key)


def told(page: Page, text: str) -> None:
    """Wait until the page says this of the last decision."""
    page.wait_for_selector(f"#told:has-text('{text}')", state="attached")


def low(found: list[tuple[float, str]], least: float) -> list[tuple[float, str]]:
    """Of figures with what they are of, those that are too low."""
    return [item for item in found if item[0] < least]
