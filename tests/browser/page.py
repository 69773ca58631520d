"""What the browser's tests ask of a page. Each question is one script, since a row may be replaced between two."""
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from stack import wait_for


def rows(browser):
    """The cells of a board's rows, as text."""
    return browser.execute_script(
        "return [...document.querySelectorAll('tbody tr')].map(r => [...r.children].map(c => c.innerText.trim()))")


def names(browser):
    return browser.execute_script("return [...document.querySelectorAll('tbody tr th > :first-child')].map(c => c.innerText)")


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


class Window:
    """A window, and in it a player: what is asked is asked of this window."""

    def __init__(self, browser, handle):
        self.browser, self.handle = browser, handle

    def here(self):
        if self.browser.current_window_handle != self.handle:
            self.browser.switch_to.window(self.handle)
        return self.browser

    def script(self, *arguments):
        return self.here().execute_script(*arguments)

    def text(self, selector):
        return text(self.here(), selector) or ""

    def click(self, selector, label=None):
        """Whatever shows up with this text, as soon as it does."""
        def there():
            browser = self.here()
            if label is not None:
                return click(browser, selector, label)
            return browser.execute_script("const e = document.querySelector(arguments[0]); e?.click(); return e !== null", selector)
        wait_for(there, 15, f"{selector} {label}")

    def sign_in(self, url, name):
        self.here().get(url + "/#/exrps")
        self.click(".heading a", "Sign in to play")
        wait_for(lambda: self.script("return document.activeElement.id") == "name", 10, "the field for the name")

        def signed_in():  # the demo's server may still be starting
            self.script("const field = document.querySelector('.lobby:not([inert]) #name');"
                        "if (field !== null) { field.value = arguments[0]; field.form.requestSubmit(); }", name)
            return self.text(".account").startswith(f"Signed in as {name}")
        wait_for(signed_in, 15, "to be signed in")
        return self

    def fill(self, values):
        """Fields by their ids, in this order; a select by its option's text, a checkbox by True."""
        for name, value in values.items():
            wait_for(lambda: self.script("return document.querySelector('.lobby:not([inert])')?.contains(document.getElementById(arguments[0]))", name), 15, name)
            assert self.script(
                "const [id, value] = arguments, e = document.getElementById(id);"
                "if (e.type === 'checkbox') e.checked = value;"
                "else if (e.tagName === 'SELECT') e.selectedIndex = [...e.options].findIndex(o => o.text === value);"
                "else e.value = value;"
                "e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true}));"
                "return e.selectedIndex !== -1", name, value), (name, value)

    def sends(self, form, values):
        """Fill in the form with this title and send it."""
        wait_for(lambda: form in texts(self.here(), ".lobby:not([inert]) .way h2"), 15, form)
        self.fill(values)
        self.script("[...document.querySelectorAll('.lobby:not([inert]) .way')].find(f => f.querySelector('h2').innerText === arguments[0])"
                    ".querySelector('button').click()", form)

    def wrong(self):
        """The ids of fields that do not hold what they have to, in forms that were to be sent."""
        return self.script("return [...document.querySelectorAll('.way :user-invalid')].map(e => e.id)")

    def figures(self):
        return dict(entry.split("\n", 1) for entry in texts(self.here(), ".wait:not([hidden]) .stats > div"))

    def says(self, words, seconds=30):
        wait_for(lambda: words in self.text(".says"), seconds, words)

    def choose(self, weapon):
        wait_for(lambda: self.script("const b = document.querySelectorAll('.weapons:enabled button')[arguments[0]];"
                                     "b?.click(); return b !== undefined", weapon), 15, "the choice")

    def enter_code(self, code):
        wait_for(lambda: self.here().find_elements(By.ID, "code"), 10, "the lobby")[0].send_keys(code, Keys.ENTER)

    def join_party(self, code):
        self.fill({"party-code": code})
        self.script("document.getElementById('party-code').form.requestSubmit()")

    def over(self):
        return self.script("return document.querySelector('.says.final') !== null")
