// The models of the book in the browser, with the numbers that the build has exported (src/nnz/press/playground.py).
//
// nnzPlay.open(name) returns a model with `start`, what it knows before the first letter, and `next(at, token)`, what it
// knows after one more. What it knows is { state, logs }: all that it remembers, and the natural logarithms of the
// probabilities of each next character. Nothing that was returned changes later.
"use strict";
(() => {
  const play = (globalThis.nnzPlay ??= {});
  const TYPES = { f4: Float32Array, u1: Uint8Array };
  const opened = new Map();

  // ---- Vectors and matrices. A matrix (n_in, n_out) is stored row after row.

  function unpacked({ type, shape, data }) {
    const text = atob(data), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return { shape, data: new TYPES[type](bytes.buffer) };
  }

  const row = ({ shape: [, n], data }, i) => Float64Array.from(data.subarray(i * n, (i + 1) * n));
  const sum = (x, y) => x.map((value, i) => value + y[i]);
  const relu = x => x.map(value => Math.max(value, 0));
  const sigmoid = value => 1 / (1 + Math.exp(-value));

  // Add to `out` the product of x and the rows of the weight from row `first` on.
  function addProduct(out, x, { shape: [, n], data }, first = 0) {
    for (let i = 0, at = first * n; i < x.length; i++, at += n) {
      const factor = x[i];
      if (factor) for (let j = 0; j < n; j++) out[j] += factor * data[at + j];
    }
    return out;
  }

  function linear(x, weight, bias) {
    return addProduct(bias ? Float64Array.from(bias.data) : new Float64Array(weight.shape[1]), x, weight);
  }

  function join(left, now, weight, bias) {
    return addProduct(linear(left, weight, bias), now, weight, left.length);
  }

  function logSoftmax(scores) {
    const most = Math.max(...scores);
    const log = most + Math.log(scores.reduce((total, score) => total + Math.exp(score - most), 0));
    return scores.map(score => score - log);
  }

  function layerNorm(x, weight, bias, eps) {
    const mean = x.reduce((a, b) => a + b) / x.length;
    const spread = Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length + eps);
    return x.map((value, i) => ((value - mean) / spread) * weight.data[i] + bias.data[i]);
  }

  function rmsNorm(x, eps) {
    const size = Math.sqrt(x.reduce((a, b) => a + b * b, 0) / x.length + eps);
    return x.map(value => value / size);
  }

  // ---- Models that see the last so many characters, and nothing else.

  function windowed(size, answer) {
    const at = tokens => ({ state: tokens, logs: answer(tokens) });
    return {
      start: at(new Array(size).fill(0)),
      next: ({ state }, token) => at([...state, token].slice(state.length + 1 - size)),
    };
  }

  // N-grams come as a tree, level after level: a byte for each node has its character in the lower six bits, in the
  // highest whether it is the last of its siblings, and in bit 6 of a leaf whether it occurs more than once. How
  // often those occur comes in groups of seven bits, the lowest first, all but the last with the highest bit set.
  function unfolded(order, V, nodes, times) {
    let keys = [0], at = 0, read = 0;
    const counts = [];
    const count = () => {
      let value = 0, scale = 1, byte;
      do {
        byte = times[read++];
        value += (byte & 127) * scale;
        scale *= 128;
      } while (byte & 128);
      return value;
    };
    for (let level = 1; level <= order; level++) {
      const longer = [];
      for (const key of keys) {
        let byte;
        do {
          byte = nodes[at++];
          longer.push(key * V + (byte & 63));
          if (level === order) counts.push(byte & 64 ? count() : 1);
        } while (!(byte & 128));
      }
      keys = longer;
    }
    return { V, keys: Float64Array.from(keys), counts };
  }

  // Every different n-gram once, without its first character: Kneser and Ney's count of those that are shorter.
  function shortened({ V, keys }, order) {
    const shorter = { V, keys: [], counts: [] };
    const size = V ** (order - 1);
    for (const key of keys.map(key => key % size).sort()) {
      const last = shorter.keys.length - 1;
      if (shorter.keys[last] === key) shorter.counts[last]++;
      else {
        shorter.keys.push(key);
        shorter.counts.push(1);
      }
    }
    return { ...shorter, keys: Float64Array.from(shorter.keys) };
  }

  // How often each character follows a context, whose characters are the digits of `context` in base V.
  function countsAfter({ V, keys, counts }, context) {
    const found = new Float64Array(V);
    let low = 0, high = keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (keys[middle] < context * V) low = middle + 1;
      else high = middle;
    }
    for (; low < keys.length && keys[low] < (context + 1) * V; low++) found[keys[low] % V] = counts[low];
    return found;
  }

  const keyOf = (tokens, V) => tokens.reduce((key, token) => key * V + token, 0);
  const total = counts => counts.reduce((a, b) => a + b);

  function ngram({ order, k }, { nodes, times }, V) {
    const table = unfolded(order, V, nodes.data, times.data);
    return windowed(order - 1, tokens => {
      const counts = countsAfter(table, keyOf(tokens, V));
      const all = total(counts) + k * V;
      return counts.map(n => Math.log(all > 0 ? (n + k) / all : 1 / V));
    });
  }

  function kneserNey({ order, discount }, { nodes, times }, V) {
    const tables = [unfolded(order, V, nodes.data, times.data)];
    for (let n = order; n > 1; n--) tables.unshift(shortened(tables[0], n));
    return windowed(order - 1, tokens => {
      let probs = new Float64Array(V).fill(1 / V);
      tables.forEach((table, length) => {
        const counts = countsAfter(table, keyOf(tokens.slice(order - 1 - length), V)), all = total(counts);
        const share = (discount * counts.filter(n => n > 0).length) / all;
        if (all > 0) probs = probs.map((p, i) => Math.max(counts[i] - discount, 0) / all + share * p);
      });
      return probs.map(Math.log);
    });
  }

  const rows = (settings, { W }) => windowed(1, ([token]) => logSoftmax(row(W, token)));

  function mlp({ block_size }, { C, W1, b1, W2, b2, W }) {
    return windowed(block_size, tokens => {
      const x = Float64Array.from(tokens.flatMap(token => [...row(C, token)]));
      const scores = linear(linear(x, W1, b1).map(Math.tanh), W2, b2);
      return logSoftmax(W ? addProduct(scores, x, W) : scores);
    });
  }

  // ---- Stacks of dilated convolutions. Each layer remembers its last inputs, as many as its dilation.

  function stack({ dilations }, embed, level, head) {
    // `left(i, x)` gives what layer i saw so long ago.
    const run = (token, left) => {
      const skips = [];
      let x = embed(token);
      const inputs = dilations.map((_, i) => {
        const input = x;
        const [onward, skip] = level(i, left(i, input), input);
        x = onward;
        skips.push(skip);
        return input;
      });
      return { inputs, logs: logSoftmax(head(x, skips)) };
    };
    const first = run(0, (i, x) => x); // as if there had been dots for ever
    return {
      start: { state: first.inputs.map((x, i) => new Array(dilations[i]).fill(x)), logs: first.logs },
      next({ state }, token) {
        const { inputs, logs } = run(token, i => state[i][0]);
        return { state: state.map((queue, i) => [...queue.slice(1), inputs[i]]), logs };
      },
    };
  }

  function tree(settings, arrays) {
    const level = (i, left, now) => {
      const x = join(left, now, arrays[`W${i}`], arrays[`b${i}`]).map(Math.tanh);
      return [x, x];
    };
    return stack(settings, token => row(arrays.C, token), level, x => linear(x, arrays.W, arrays.b));
  }

  function gated(settings, arrays) {
    const { gate, residual, skip, eps } = settings;
    const of = name => [arrays[`${name}.weight`], arrays[`${name}.bias`]];
    const blocks = settings.dilations.map((_, i) =>
      ["norm", "pair", "out"].map(part => of(`blocks.${i}.${part}`)));
    const [norm, hidden, last] = ["norm", "hidden", "last"].map(of);
    const level = (i, left, now) => {
      const [scale, pair, out] = blocks[i];
      const z = join(layerNorm(left, ...scale, eps), layerNorm(now, ...scale, eps), ...pair), C = now.length;
      const through = z.subarray(0, C).map((value, j) => Math.tanh(value) * (gate ? sigmoid(z[C + j]) : 1));
      const both = linear(through, ...out), onward = both.subarray(0, C);
      return [residual ? sum(onward, now) : onward, both.subarray(C)];
    };
    const head = (x, skips) => {
      const all = skip ? skips.reduce(sum) : skips[skips.length - 1];
      return linear(relu(linear(relu(layerNorm(all, ...norm, eps)), ...hidden)), ...last);
    };
    return stack(settings, token => row(arrays["embedding.weight"], token), level, head);
  }

  // ---- A state that is carried. A dot is read in the start state, whatever stands before it.

  const CELLS = {
    rnn: (a, u) => a.map((value, i) => Math.tanh(value + u[i])),
    gru: (a, u, h) => h.map((before, i) => {
      const H = h.length;
      const r = sigmoid(a[i] + u[i]), z = sigmoid(a[H + i] + u[H + i]);
      const fresh = Math.tanh(a[2 * H + i] + r * u[2 * H + i]);
      return fresh + z * (before - fresh);
    }),
  };

  function recurrent({ cell, n_layers }, arrays) {
    const step = CELLS[cell];
    const read = (states, token) => {
      let x = row(arrays["embedding.weight"], token);
      const state = states.map((h, i) => {
        const inputs = linear(x, arrays[`cells.${i}.inputs.weight`], arrays[`cells.${i}.inputs.bias`]);
        x = step(inputs, linear(h, arrays[`cells.${i}.carried.weight`]), h);
        return x;
      });
      return { state, logs: logSoftmax(linear(x, arrays["last.weight"], arrays["last.bias"])) };
    };
    const begin = Array.from({ length: n_layers }, (_, i) => row(arrays.start, i));
    return { start: read(begin, 0), next: ({ state }, token) => read(token ? state : begin, token) };
  }

  // ---- Places that look back. Keys and values of each layer are remembered; a dot forgets them all.

  function look(query, places, n_head) {
    const found = new Float64Array(query.length), d = query.length / n_head;
    for (let from = 0; from < query.length; from += d) {
      const scores = places.map(([key]) => {
        let score = 0;
        for (let i = from; i < from + d; i++) score += query[i] * key[i];
        return score / Math.sqrt(d);
      });
      logSoftmax(scores).forEach((log, place) => {
        for (let i = from; i < from + d; i++) found[i] += Math.exp(log) * places[place][1][i];
      });
    }
    return found;
  }

  function gpt({ n_head, n_layer, block_size, eps }, arrays) {
    const empty = { tokens: [], memory: new Array(n_layer).fill([]) };
    const read = ({ tokens, memory }, token) => {
      let x = rmsNorm(sum(row(arrays["wte.weight"], token), row(arrays["wpe.weight"], tokens.length)), eps);
      const C = x.length;
      const longer = memory.map((places, i) => {
        const of = name => arrays[`blocks.${i}.${name}.weight`];
        const qkv = linear(rmsNorm(x, eps), of("attention.qkv"));
        const seen = [...places, [qkv.subarray(C, 2 * C), qkv.subarray(2 * C)]];
        x = sum(x, linear(look(qkv.subarray(0, C), seen, n_head), of("attention.out")));
        x = sum(x, linear(relu(linear(rmsNorm(x, eps), of("fc1"))), of("fc2")));
        return seen;
      });
      return { state: { tokens: [...tokens, token], memory: longer }, x };
    };
    const next = ({ state }, token) => {
      let found;
      if (!token) found = read(empty, token);
      else if (state.tokens.length < block_size) found = read(state, token);
      // No place is left: the window moves, and each letter in it has another place than before.
      else for (const t of [...state.tokens.slice(1), token]) found = read(found ? found.state : empty, t);
      return { state: found.state, logs: logSoftmax(linear(found.x, arrays["lm_head.weight"])) };
    };
    return { start: next({ state: empty }, 0), next };
  }

  // ---- Several models in one.

  function mixture({ parts, shares }) {
    const models = parts.map(play.open);
    const mean = ats => {
      const mixed = new Float64Array(ats[0].logs.length);
      ats.forEach(({ logs }, i) => logs.forEach((log, j) => { mixed[j] += shares[i] * Math.exp(log); }));
      return { state: ats, logs: mixed.map(Math.log) };
    };
    return {
      start: mean(models.map(model => model.start)),
      next: ({ state }, token) => mean(models.map((model, i) => model.next(state[i], token))),
    };
  }

  const KINDS = { ngram, "kneser-ney": kneserNey, rows, mlp, tree, gated, recurrent, gpt, mixture };

  // Return the model of that name, whose script must have been loaded.
  play.open = name => {
    if (!opened.has(name)) {
      const { kind, chars, settings, arrays } = play.data[name];
      const numbers = Object.fromEntries(Object.entries(arrays).map(([key, array]) => [key, unpacked(array)]));
      opened.set(name, { name, chars, ...KINDS[kind](settings, numbers, chars.length) });
      delete play.data[name].arrays; // the text of the numbers, which is larger than they are
    }
    return opened.get(name);
  };

  // Return what a model knows after some characters, by their indices.
  play.after = (model, tokens) => tokens.reduce((at, token) => model.next(at, token), model.start);
})();
