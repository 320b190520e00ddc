// The page `live`: places to write code, and a Python in a worker that runs it. Nothing is loaded before it is asked for.
(() => {
  const INDENT = "    ";
  const script = new URL("live/python.js", document.currentScript.src);

  // Above Brython, in the worker: what it expects of a page that has an address.
  const BEFORE = `globalThis.__BRYTHON__ = {brython_path: "http://localhost/"};
    Set.prototype.difference ??= function (other) { return new Set([...this].filter(x => !other.has(x))); };
    console.log = () => {};\n`;

  // Below Brython, in the worker. Its text is taken: it knows nothing of what stands around it.
  function inWorker() {
    const B = globalThis.__BRYTHON__;
    // Modules come from what was brought along, and from nowhere else.
    B.make_import_paths = file => {
      B.import_info[file] = { meta_path: [B.finders.VFS], path_hooks: [], path: [] };
    };
    // Code that was compiled is run as it was read; and the name of its file may have an apostrophe.
    const turned = B.ast_js_to_py, compile = B.builtins.compile;
    B.ast_js_to_py = tree => Object.assign(turned(tree), { $js_ast: tree });
    B.builtins.compile = Object.assign((source, file, ...rest) =>
      compile(source, typeof file === "string" ? file.replaceAll("'", "\u2019") : file, ...rest), compile);
    B.recursion_limit = 400;  // before the browser's own stack is full
    let asked;
    onmessage = ({ data }) => {
      try {
        if (data.modules) {
          B.use_VFS = true;
          B.update_VFS(data.modules);
          B.runPythonSource(`import ${data.session}`, { id: "page" });
          asked = B.module_getattr(B.imported[data.session], "asked");
          postMessage({ ready: true });
        } else {
          const send = printed => postMessage({ id: data.id, printed });
          const answer = asked(data.verb, data.name, data.text, send);
          postMessage({ id: data.id, answer });
        }
      } catch (error) {
        postMessage({ id: data.id, failed: String(error?.args?.[0] ?? error?.message ?? error) });
      }
    };
  }

  function loaded(address) {
    if (globalThis.nnzPython) return Promise.resolve();
    return new Promise((done, fail) => {
      const element = document.createElement("script");
      element.src = address;
      element.onload = done;
      element.onerror = () => {
        element.remove();
        fail(new Error("Python could not be loaded: the file _static/live/python.js of this site is missing."));
      };
      document.head.append(element);
    });
  }

  // One Python, which does one thing at a time.
  const python = {
    ready: null,
    asking: null,
    start() {
      this.ready ??= new Promise((done, fail) => {
        this.giveUp = fail;
        loaded(script).then(() => { if (this.giveUp === fail) this.begin(done, fail); }).catch(fail);
      }).catch(error => { this.ready = null; throw error; });
      return this.ready;
    },
    begin(done, fail) {
      const { brython, modules, session } = globalThis.nnzPython;
      const text = new Blob([BEFORE, brython, `\n;(${inWorker})();`], { type: "text/javascript" });
      this.worker = new Worker(URL.createObjectURL(text));
      this.worker.onerror = event => {
        event.preventDefault();
        this.end(new Error(`Python ended in this browser: ${event.message || "it allows no worker"}.`));
      };
      this.worker.onmessage = ({ data }) => {
        if (data.ready) done();
        else if (this.asking) this.hear(data);
        else fail(new Error(`Python could not begin in this browser: ${data.failed}`));
      };
      this.worker.postMessage({ modules, session });
    },
    hear(data) {
      if (data.id !== this.asking.id) return;
      if (data.printed !== undefined) return this.asking.print(data.printed);
      const { done, fail, timer } = this.asking;
      clearTimeout(timer);
      this.asking = null;
      if (data.failed === undefined) done(data.answer);
      else fail(new Error(`The Python of this page failed: ${data.failed}`));
    },
    async ask(verb, name, text, print, limit) {
      await this.start();
      return new Promise((done, fail) => {
        const id = Math.random();
        const late = () => this.end(new Error(`stopped: the code was still running after ${limit} seconds`));
        this.asking = { id, done, fail, print, timer: setTimeout(late, limit * 1000) };
        this.worker.postMessage({ id, verb, name, text });
      });
    },
    end(error) {
      this.worker?.terminate();
      this.worker = this.ready = null;
      this.giveUp(error);
      if (!this.asking) return;
      clearTimeout(this.asking.timer);
      this.asking.fail(error);
      this.asking = null;
    },
  };

  const made = (tag, properties = {}, ...inside) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...inside);
    return element;
  };

  // What is kept of a place, as far as the browser keeps anything for this page.
  const kept = {
    get(key) { try { return localStorage.getItem(`nnz-live:${key}`); } catch { return null; } },
    set(key, text) {
      try {
        if (text === null) localStorage.removeItem(`nnz-live:${key}`);
        else localStorage.setItem(`nnz-live:${key}`, text);
      } catch { /* private windows keep nothing */ }
    },
  };

  // A drawing, made anew of the elements and attributes that drawings have.
  const TAGS = new Set("div fieldset legend span input label p svg g rect path text style".split(" "));
  const ATTRIBUTES = new Set(("class id for name type checked tabindex role aria-label aria-live x y rx d width height "
    + "viewBox style").split(" "));
  function copied(node) {
    if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
    if (node.nodeType !== Node.ELEMENT_NODE || !TAGS.has(node.localName)) return "";
    const copy = document.createElementNS(node.namespaceURI, node.localName);
    for (const { name, value } of node.attributes) if (ATTRIBUTES.has(name)) copy.setAttribute(name, value);
    copy.append(...[...node.childNodes].map(copied));
    return copy;
  }
  const drawing = html => [...new DOMParser().parseFromString(html, "text/html").body.childNodes].map(copied);

  function insert(area, text) {
    area.focus();
    if (!document.execCommand("insertText", false, text)) {
      area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
      area.dispatchEvent(new Event("input"));
    }
  }

  // Tab and Shift+Tab move the lines of the selection; Escape gives Tab back to the page.
  function keys(area) {
    let free = false;
    area.addEventListener("blur", () => { free = false; });
    area.addEventListener("keydown", event => {
      if (event.key === "Escape") free = true;
      if (event.key === "Tab" && !free && !event.ctrlKey && !event.altKey) {
        event.preventDefault();
        indent(area, event.shiftKey);
      } else if (event.key === "Enter" && !event.ctrlKey && !event.isComposing) {
        const line = area.value.slice(0, area.selectionStart).split("\n").pop();
        event.preventDefault();
        insert(area, `\n${line.match(/^ */)[0]}${/:\s*(#.*)?$/.test(line) ? INDENT : ""}`);
      }
      if (!["Escape", "Tab", "Shift"].includes(event.key)) free = false;
    });
  }
  function indent(area, back) {
    const { value, selectionStart: from, selectionEnd: to } = area;
    if (from === to && !back) return insert(area, INDENT);
    const start = value.lastIndexOf("\n", from - 1) + 1;
    const lines = value.slice(start, to).split("\n");
    const moved = lines.map(line => back ? line.replace(/^ {1,4}/, "") : INDENT + line).join("\n");
    area.setSelectionRange(start, to);
    insert(area, moved);
    if (from !== to) area.setSelectionRange(start, start + moved.length);
  }

  const VERBS = { check: "Check", run: "Run", draw: "Draw" };
  const places = [];

  function build(place) {
    const { kind, name, title, weight } = place.dataset;
    const first = place.querySelector("pre").textContent.replace(/\n$/, "");
    const key = name || kind;
    const numbers = made("pre", { className: "numbers" });
    numbers.setAttribute("aria-hidden", "true");
    const area = made("textarea", { id: `live-code-${key}`, value: kept.get(key) ?? first, wrap: "off",
      spellcheck: false, autocapitalize: "off", autocomplete: "off" });
    area.setAttribute("aria-label", `${title}: ${kind === "draw" ? "lines" : "code"}`);
    area.setAttribute("aria-describedby", "nnz-live-keys");
    const said = made("div", { className: "said" });
    said.setAttribute("role", "status");
    const printed = made("pre", { className: "printed", hidden: true, tabIndex: 0 });
    printed.setAttribute("role", "region");
    printed.setAttribute("aria-label", `What the code printed: ${title}`);
    const picture = made("div", { className: "drawn" });

    const size = () => {
      const rows = area.value.split("\n").length;
      area.rows = Math.max(rows + 1, 5);
      numbers.textContent = Array.from({ length: rows }, (_, i) => i + 1).join("\n");
    };
    const say = (state, text) => {
      said.dataset.state = state;
      said.replaceChildren(made("pre", {}, text));
    };
    const changed = () => { size(); kept.set(key, area.value === first ? null : area.value); undo(null); };
    area.addEventListener("input", changed);
    keys(area);

    const button = (text, action) => made("button", { type: "button", textContent: text, onclick: action });
    const act = async (verb, text) => {
      if (places.busy) return;
      busy(true, `live-stop-${key}`);
      say("busy", globalThis.nnzPython ? "at work …" : `loading Python, ${weight} …`);
      if (verb !== "hint" && verb !== "solution") printed.replaceChildren();
      printed.hidden = !printed.textContent;
      const print = more => { printed.hidden = false; printed.append(more); };
      try {
        if (!python.ready) await python.start();
        say("busy", "at work …");
        const answer = await python.ask(verb, name, text, print, Number(place.dataset.limit));
        const end = answer.indexOf("\n"), state = answer.slice(0, end), told = answer.slice(end + 1);
        const shows = state === "steps" || state === "drawn";
        if (kind === "draw") picture.replaceChildren(...(shows ? drawing(told) : []));
        if (!shows) say(state === "ran" && told ? "error" : state, told || "ran to its end");
        else say("right", state === "steps" ? "drawn; choose a step" : "drawn with all gradients: too long for steps");
      } catch (error) {
        say("error", error.message);
        if (kind === "draw") picture.replaceChildren();
      }
      busy(false, `live-stop-${key}`);
    };

    const main = button(VERBS[kind], () => act(kind, area.value));
    main.className = "main";
    main.dataset.verb = VERBS[kind];
    main.dataset.weight = weight;
    let hint = 0;
    const hints = button("Hint", async () => {
      hint += 1;
      await act("hint", String(hint));
      const count = said.textContent.match(/hint \d+ of (\d+)/);
      if (!count || hint >= Number(count[1])) hint = 0;
    });
    const answer = button("Answer", () => act("solution", ""));
    const reset = button("Reset", () => {
      const [now, next] = before === null ? [area.value, first] : [null, before];
      area.value = next;
      size();
      kept.set(key, next === first ? null : next);
      undo(now);
      say("", now === null ? "" : "set back to the beginning");
    });
    let before = null;
    const undo = text => { before = text; reset.textContent = text === null ? "Reset" : "Undo the reset"; };
    const stop = button("Stop", () => python.end(new Error("stopped")));
    stop.id = `live-stop-${key}`;
    stop.hidden = true;
    stop.className = "stop";
    const buttons = kind === "check" ? [main, hints, answer, reset, stop] : [main, reset, stop];
    for (const one of buttons) one.setAttribute("aria-label", `${one.textContent}: ${title}`);
    new MutationObserver(() => reset.setAttribute("aria-label", `${reset.textContent}: ${title}`))
      .observe(reset, { childList: true });
    size();
    place.classList.add("on");
    place.append(made("div", { className: "editor" }, numbers, area), made("div", { className: "buttons" }, ...buttons),
      said, picture, printed);
    places.push({ place, main, buttons: [main, hints, answer] });
  }

  // While Python is at work, nothing else can be asked of it; the place that asked can stop it.
  function busy(is, stop) {
    places.busy = is;
    for (const { buttons } of places) for (const one of buttons) one.setAttribute("aria-disabled", is);
    const button = document.getElementById(stop);
    const left = button === document.activeElement;
    button.hidden = !is;
    if (left) button.parentElement.querySelector(".main").focus();
    label();
  }
  function label() {
    for (const { place, main } of places) {
      const { verb, weight } = main.dataset;
      main.textContent = globalThis.nnzPython ? verb : `Load Python (${weight}) and ${verb.toLowerCase()}`;
      main.setAttribute("aria-label", `${main.textContent}: ${place.dataset.title}`);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const found = document.querySelectorAll(".nnz-live");
    if (!found.length) return;
    found[0].before(made("p", { id: "nnz-live-keys", className: "keys" },
      "In the editor Tab indents and Shift+Tab takes it back; Escape and then Tab leaves."));
    for (const place of found) build(place);
    label();
  });
})();
