// The playground: what one types and presses, and what the page shows of it. Models are in nnz-play-models.js, draws
// in nnz-play-draw.js, the controls in book/_ext/nnz_play.py. Whatever was typed or loaded is shown as text, never as
// HTML.
"use strict";
(() => {
  const play = globalThis.nnzPlay;
  const files = new URL("play/", document.currentScript.src);
  const QUIET = 900; // milliseconds without a key before what is typed is read out
  const NAMES = 20;
  const loaded = new Map(); // names to models, in the order of the list
  let models = [], chars = [], writer = null, box, talk;

  const one = selector => box.querySelector(selector);
  const shown = token => (token ? chars[token] : "end");
  const size = bytes => (bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
  const share = p => (p >= 0.0005 ? p.toFixed(3) : p > 0 ? "< 0.001" : "0");

  const spelled = letters => letters.map(token => chars[token]).join("") || "(empty)";

  // Return a new element with some text, attributes, and others in it.
  function made(tag, { text = "", ...attributes } = {}, ...inside) {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...inside);
    return element;
  }

  // Tell everybody something, those too who cannot see it; at once, or when nothing has been typed for a while.
  function say(text, wait = 0) {
    clearTimeout(talk);
    const tell = () => {
      if (one(".say").textContent !== text) one(".say").textContent = text;
    };
    if (wait) talk = setTimeout(tell, wait);
    else tell();
  }

  function trouble(text) {
    one(".trouble").textContent = text;
    one(".trouble").hidden = !text;
  }

  // ---- What the controls say

  // Return the letters typed as indices, or null after having said what is wrong with them. A capital counts as its
  // small letter where the alphabet has no capitals.
  function typed() {
    const field = one("#play-text"), letters = [...field.value];
    const known = letters.map(char => (chars.includes(char) ? char : char.toLowerCase()));
    const strange = known.find(char => chars.indexOf(char) < 1);
    let problem = "";
    if (strange) { // the first alone, so that no more is read out while one types on
      problem = `The models know the ${chars.length - 1} letters ${chars.slice(1).join("")} and nothing else; `
        + `please take out “${strange}”.`;
    } else if (letters.length > play.MOST) {
      problem = `A name has at most ${play.MOST} letters here; this one has ${letters.length}.`;
    }
    if (one("#play-odd").textContent !== problem) one("#play-odd").textContent = problem;
    field.setAttribute("aria-invalid", String(Boolean(problem)));
    return problem ? null : known.map(char => chars.indexOf(char));
  }

  function settings() {
    const seed = Number(one("#play-seed").value);
    return {
      temperature: Number(one("#play-temperature").value),
      topK: Number(one("#play-top").value),
      seed: Number.isInteger(seed) && seed >= 0 ? seed % 2 ** 32 : 0,
    };
  }

  // ---- Loading

  function bring(file, version) {
    return new Promise((done, failed) => {
      const script = made("script", { src: new URL(`${file}.js?v=${version}`, files).href });
      script.addEventListener("load", done);
      script.addEventListener("error", () => failed(new Error(`The file play/${file}.js is missing.`)));
      document.head.append(script);
    });
  }

  const entry = name => models.find(model => model.name === name);
  // The files that these models still need, each once.
  const needed = names => [...new Set(names.flatMap(name => entry(name).files))].filter(file => !(file in play.data));
  const bytes = wanted => wanted.reduce((total, file) => total + play.list.files[file].bytes, 0);

  async function load(names) {
    const wanted = needed(names);
    if (wanted.length) say(`Loading ${size(bytes(wanted))} …`);
    try {
      await Promise.all(wanted.map(file => bring(file, play.list.files[file].version)));
      for (const { name } of models) if (names.includes(name)) loaded.set(name, play.open(name));
      trouble("");
      return true;
    } catch (error) {
      trouble(`${error.message} Build the book again, or take the whole folder if this is a copy.`);
      say("Nothing was loaded.");
      return false;
    }
  }

  async function choose(name) {
    if (!loaded.has(name) && !(await load([name]))) return;
    writer = loaded.get(name);
    show();
    const letters = typed();
    if (letters) say(`${name} writes. ${summary(letters)}`);
  }

  async function chooseAll() {
    const missing = models.map(model => model.name).filter(name => !loaded.has(name));
    if (!(await load(missing))) return;
    writer ??= loaded.get(models[0].name);
    show();
    say(`All ${models.length} models are loaded; ${writer.name} writes.`);
  }

  // ---- Showing

  function showModels() {
    for (const button of box.querySelectorAll(".models button")) {
      const model = entry(button.value), writes = writer?.name === model.name;
      const missing = bytes(needed([model.name]));
      button.setAttribute("aria-pressed", String(writes));
      button.querySelector(".state").textContent =
        writes ? "writes" : loaded.has(model.name) ? "loaded" : missing ? `load ${size(missing)}` : "load";
    }
    const rest = needed(models.map(model => model.name));
    const all = one("button.all");
    all.textContent = rest.length ? `Load all ${models.length} models: ${size(bytes(rest))}` : "All models are loaded";
  }

  function summary(letters) {
    const logs = play.after(writer, letters).logs;
    const best = [...logs.keys()].sort((a, b) => logs[b] - logs[a]).slice(0, 3);
    const listed = best.map(token => `${shown(token)} ${share(Math.exp(logs[token]))}`).join(", ");
    return `Likeliest ${place(letters)}: ${listed}.`;
  }

  const place = letters =>
    letters.length ? `after ${spelled(letters)}` : "at the beginning";

  function showBars(letters) {
    const list = one(".bars"), { temperature, topK } = settings();
    list.replaceChildren();
    one(".after").textContent = !writer ? "No model is loaded yet."
      : !letters ? "Nothing can follow what is typed." : "";
    if (!writer || !letters) return;
    const logs = play.after(writer, letters).logs, bent = play.bend(logs, temperature, topK);
    const changed = temperature !== 1 || topK < chars.length;
    list.classList.toggle("changed", changed);
    one(".after").textContent = `What ${writer.name} expects ${place(letters)}`
      + (changed ? "; in brackets what that becomes by temperature and letters kept, which the bars show." : ".");
    logs.forEach((log, token) => {
      const own = Math.exp(log), bar = made("span", { class: "bar" });
      bar.style.width = `${100 * bent[token]}%`;
      const number = share(own) + (changed ? ` (${share(bent[token])})` : "");
      list.append(made("li", {}, made("span", { class: "letter", text: shown(token) }),
        made("span", { class: "number", text: number }),
        made("span", { class: "line", "aria-hidden": "true" }, bar)));
    });
  }

  function showCosts(letters) {
    const some = letters?.length && loaded.size;
    one(".scroll").hidden = !some;
    one(".cost-note").textContent = !some ? "Type a name, and load a model or more."
      : `How surprising each letter of ${spelled(letters)} is, and that the name ends there, in nats: `
        + "0 is what was certain. The stronger the color, the larger the number.";
    if (!some) return;
    const asked = [...letters, 0];
    one(".costs caption").textContent = `Surprisals of ${spelled(letters)}`;
    const heads = ["model", ...asked.map(shown), "mean"];
    one(".costs thead").replaceChildren(
      made("tr", {}, ...heads.map(text => made("th", { text, scope: "col" }))));
    one(".costs tbody").replaceChildren(...models.filter(model => loaded.has(model.name)).map(({ name }) => {
      let at = loaded.get(name).start;
      const costs = asked.map(token => {
        const cost = Math.max(0, -at.logs[token]);
        at = token ? loaded.get(name).next(at, token) : at;
        return cost;
      });
      const cells = [...costs, costs.reduce((a, b) => a + b) / costs.length].map(cost => {
        const cell = made("td", { text: cost === Infinity ? "∞" : cost.toFixed(2) });
        cell.style.setProperty("--share", Math.min(cost / 8, 1).toFixed(3));
        return cell;
      });
      return made("tr", {}, made("th", { text: name, scope: "row" }), ...cells);
    }));
  }

  function show() {
    const letters = typed();
    showModels();
    showBars(letters);
    showCosts(letters);
    for (const output of box.querySelectorAll("output")) {
      const { value, max } = one(`#${output.htmlFor}`);
      output.textContent = output.htmlFor.contains("play-top") && value === max ? "all" : value;
    }
    return letters;
  }

  // ---- Writing

  function write(letters) {
    one("#play-text").value = letters.map(token => chars[token]).join("");
    return show();
  }

  // Return what is typed if a model can go on with it; say why, if none can.
  function beginning() {
    const letters = typed();
    if (!writer) say("Choose a model first.");
    return writer ? letters : null;
  }

  function add(token, letters) {
    if (!token) return say(`The end of the name: ${spelled(letters)}`);
    if (letters.length >= play.MOST) return say(`The name has ${play.MOST} letters, and is cut there.`);
    write([...letters, token]);
    say(`Added ${shown(token)}. ${summary([...letters, token])}`);
  }

  const ACTIONS = {
    likeliest(letters) {
      const { logs } = play.after(writer, letters);
      add(logs.indexOf(Math.max(...logs)), letters);
    },
    draw(letters) {
      const { temperature, topK, seed } = settings();
      const probs = play.bend(play.after(writer, letters).logs, temperature, topK);
      add(play.pick(probs, play.uniform(seed, 0, letters.length)), letters);
    },
    finish(letters) {
      const { drawn, ended } = play.finish(writer, letters, { ...settings(), name: 0 });
      write([...letters, ...drawn]);
      say(`${ended ? "Drawn to the end" : "Cut"}: ${spelled([...letters, ...drawn])}`);
    },
    twenty(letters) {
      const how = settings();
      const names = Array.from({ length: NAMES }, (_, i) => play.finish(writer, letters, { ...how, name: i }));
      one(".names").replaceChildren(...names.map(({ drawn, ended }) =>
        made("li", { text: spelled([...letters, ...drawn]) + (ended ? "" : "…") })));
      const kept = how.topK < chars.length ? `${how.topK} letters kept` : "all letters kept";
      one(".names-note").textContent =
        `${writer.name}, seed ${how.seed}, temperature ${how.temperature}, ${kept}:`;
      say(`${NAMES} names are drawn.`);
    },
  };

  function back() {
    const letters = [...one("#play-text").value];
    if (!letters.length) return say("There is nothing to take back.");
    one("#play-text").value = letters.slice(0, -1).join("");
    const left = show();
    say(writer && left ? `Took back one letter. ${summary(left)}` : "Took back one letter.");
  }

  function nextSeed() {
    const seed = (settings().seed + 1) % 2 ** 32;
    one("#play-seed").value = String(seed);
    say(`Seed ${seed}.`);
  }

  // ---- Beginning

  function fill() {
    ({ models, chars } = play.list);
    play.data ??= {};
    const top = one("#play-top");
    top.max = String(chars.length); // first, or the value would not be let in
    top.value = top.max;
    one(".models").append(...models.map(({ name, summary, numbers }) =>
      made("li", {}, made("button", { type: "button", value: name },
        made("span", { class: "name", text: name }), " ", made("span", { class: "state" })),
      made("span", { class: "summary", text: `${summary}; ${numbers.toLocaleString("en")} numbers` }))));
  }

  function listen() {
    one(".models").addEventListener("click", event => {
      const button = event.target.closest("button");
      if (button) choose(button.value);
    });
    one("button.all").addEventListener("click", chooseAll);
    one("#play-text").addEventListener("input", () => {
      const letters = show();
      clearTimeout(talk);
      if (writer && letters) say(summary(letters), QUIET);
    });
    for (const control of box.querySelectorAll(".settings input")) control.addEventListener("input", show);
    for (const [action, act] of Object.entries(ACTIONS)) {
      one(`button.${action}`).addEventListener("click", () => {
        const letters = beginning();
        if (letters) act(letters);
      });
    }
    one("button.back").addEventListener("click", back);
    one("button.clear").addEventListener("click", () => {
      write([]);
      say("The name is empty.");
    });
    one("button.next").addEventListener("click", nextSeed);
  }

  async function begin() {
    box = document.getElementById("nnz-play");
    if (!box) return;
    one(".without").hidden = true;
    try {
      await bring("models", Date.now());
    } catch {
      play.list = { models: [] }; // nothing was exported beside this copy of the page
    }
    if (!play.list.models.length) {
      return trouble("This copy of the book has no trained models, which its build puts beside the page: "
        + "make book trains them. The names below were drawn when the page was made.");
    }
    fill();
    listen();
    one(".with").hidden = false;
    show();
  }

  begin();
})();
