// What an edit changes, word by word: the longest common subsequence of two texts' words and spaces.
const MOST = 4_000_000; // cells of the table; beyond that, the middle is shown as replaced

function parts(text) {
  return text.match(/\s+|[\p{L}\p{M}\p{N}]+|[^\s\p{L}\p{M}\p{N}]/gu) ?? [];
}

// [[" ", text] | ["-", text] | ["+", text], …] in order; neighbours of one kind are joined.
export function diff(before, after) {
  const old = parts(before);
  const young = parts(after);
  let start = 0;
  while (start < old.length && start < young.length && old[start] === young[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < young.length - start && old.at(-1 - end) === young.at(-1 - end)) end += 1;
  const middle = between(old.slice(start, old.length - end), young.slice(start, young.length - end));
  return joined([...old.slice(0, start).map(same), ...phrases(middle), ...(end ? old.slice(-end).map(same) : [])]);
}

const same = (word) => [" ", word];

function between(old, young) {
  const removed = old.map((word) => ["-", word]);
  const added = young.map((word) => ["+", word]);
  if (!old.length || !young.length || old.length * young.length > MOST) return [...removed, ...added];
  const width = young.length + 1;
  const longest = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = young.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] =
        old[i] === young[j]
          ? longest[(i + 1) * width + j + 1] + 1
          : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const steps = [];
  let i = 0;
  let j = 0;
  while (i < old.length && j < young.length) {
    if (old[i] === young[j]) {
      steps.push([" ", old[i]]);
      i += 1;
      j += 1;
    } else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
      steps.push(removed[i]);
      i += 1;
    } else {
      steps.push(added[j]);
      j += 1;
    }
  }
  return [...steps, ...removed.slice(i), ...added.slice(j)];
}

// Neighbouring words that were replaced are one phrase, old then new: a space between them alone parts nothing.
function phrases(steps) {
  const found = [];
  let removed = [];
  let added = [];
  const close = () => {
    found.push(...removed, ...added);
    removed = [];
    added = [];
  };
  steps.forEach(([kind, word], place) => {
    const changed = (step) => step !== undefined && step[0] !== " ";
    if (kind === "-") removed.push([kind, word]);
    else if (kind === "+") added.push([kind, word]);
    else if (/^\s+$/.test(word) && removed.length && added.length && changed(steps[place + 1])) {
      removed.push(["-", word]);
      added.push(["+", word]);
    } else {
      close();
      found.push([kind, word]);
    }
  });
  close();
  return found;
}

function joined(steps) {
  const found = [];
  for (const [kind, word] of steps) {
    if (found.length && found.at(-1)[0] === kind) found.at(-1)[1] += word;
    else found.push([kind, word]);
  }
  return found;
}
