"""What the browser's tests ask of a page. Each question is one script, since a row may be replaced between two."""


def rows(browser):
    """The cells of a board's rows, as text."""
    return browser.execute_script(
        "return [...document.querySelectorAll('tbody tr')].map(r => [...r.children].map(c => c.innerText.trim()))")


def names(browser):
    return browser.execute_script("return [...document.querySelectorAll('tbody tr th')].map(c => c.innerText)")


def text(browser, selector):
    """An element's text, or None."""
    return browser.execute_script("return document.querySelector(arguments[0])?.innerText", selector)


def texts(browser, selector):
    return browser.execute_script("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector)


def click(browser, selector, label):
    """Click what has this text; false where there is no such thing."""
    return browser.execute_script(
        "const e = [...document.querySelectorAll(arguments[0])].find(e => e.innerText === arguments[1]);"
        "e?.click(); return e !== undefined", selector, label)


def complaints(browser):
    """Whatever the browser's console says, less what it says of requests that failed on purpose."""
    return [entry["message"] for entry in browser.get_log("browser") if "503" not in entry["message"]]
