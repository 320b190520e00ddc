// Drawing letters in the browser: numbers by a seed, temperature and top-k as in nnz.sample, and whole names.
"use strict";
(() => {
  const play = (globalThis.nnzPlay ??= {});
  const MOST = 100; // letters; a name that has not ended by then is cut there

  // Mix the bits of a 32-bit number: the last step of MurmurHash3, by Austin Appleby.
  function mix(bits) {
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return bits ^ (bits >>> 16);
  }

  // Return a number from 0 to below 1 for a place in a name of a seed: whatever was drawn before, it is the same.
  play.uniform = (seed, name, place) => {
    let bits = 0;
    for (const part of [seed, name, place]) bits = mix((bits ^ part) + 0x9e3779b9);
    return (bits >>> 0) / 2 ** 32;
  };

  // Return probabilities made bolder or tamer, P^(1/temperature), kept for the topK likeliest characters.
  play.bend = (logs, temperature = 1, topK = logs.length) => {
    const best = Math.max(...logs);
    const order = [...logs.keys()].sort((a, b) => logs[b] - logs[a]).slice(0, topK);
    const powers = new Float64Array(logs.length);
    for (const i of order) powers[i] = Math.exp((logs[i] - best) / temperature);
    const total = powers.reduce((a, b) => a + b);
    return powers.map(power => power / total);
  };

  // Return the index whose part of the line from 0 to the sum of the probabilities a dart falls into.
  play.pick = (probs, uniform) => {
    const dart = uniform * probs.reduce((a, b) => a + b);
    let edge = 0, last = 0;
    for (let i = 0; i < probs.length; i++) {
      edge += probs[i];
      if (probs[i] > 0) last = i;
      if (dart < edge) return i;
    }
    return last; // the sum was rounded
  };

  // Return the letters that follow a beginning, drawn until the end, and whether there is one.
  play.finish = (model, tokens, { seed, name, temperature, topK }) => {
    const drawn = [];
    let at = play.after(model, tokens);
    for (let place = tokens.length; place < MOST; place++) {
      const token = play.pick(play.bend(at.logs, temperature, topK), play.uniform(seed, name, place));
      if (!token) return { drawn, ended: true };
      drawn.push(token);
      at = model.next(at, token);
    }
    return { drawn, ended: false };
  };

  play.MOST = MOST;
})();
