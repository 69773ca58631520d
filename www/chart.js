// The course of a rating, drawn by Chart.js, which nginx serves from Debian's package. It is fetched when
// a rating is first shown; where it is not there, the rest of the page does without.

import { element, setText } from "./dom.js";
import { date, dateTime, number, t, time } from "./text.js";

const DAY = 86400e3; // ms

let library;

function fetchLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = element("script", { src: "lib/chart.js" });
    script.addEventListener("load", () => resolve(globalThis.Chart));
    script.addEventListener("error", () => reject(new Error("lib/chart.js cannot be loaded")));
    document.head.append(script);
  });
  return library;
}

// One of the page's colours as it is at present, light or dark: that is known of a colour in use alone.
function colour(node, name) {
  node.style.color = `var(${name})`;
  return getComputedStyle(node).color;
}

// The library's settings for a line in the page's own colours.
function settings(canvas) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const size = 0.75 * parseFloat(getComputedStyle(document.documentElement).fontSize);
  const ticks = { color: colour(canvas, "--quiet"), font: { size } };
  const reverse = document.documentElement.dir === "rtl";
  const grid = { color: colour(canvas, "--line") };
  return {
    type: "line",
    data: { labels: [], datasets: [{ data: [], borderColor: colour(canvas, "--accent"), borderWidth: 2, pointRadius: 2, tension: 0.2 }] },
    options: {
      animation: still ? false : { duration: 300 },
      maintainAspectRatio: false,
      layout: { padding: { right: reverse ? 2 * size : 0 } }, // else half of the first label is cut off
      locale: document.documentElement.lang,
      plugins: { legend: { display: false }, tooltip: { displayColors: false } },
      scales: {
        x: { grid, ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 3 * size }, reverse },
        y: { grid, ticks: { ...ticks, maxTicksLimit: 6 } },
      },
    },
  };
}

export function drawCourse() {
  const canvas = element("canvas", { role: "img" });
  const caption = element("figcaption", {});
  const node = element("figure", { class: "card chart" }, caption, element("div", {}, canvas));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chart;
  let last;
  let stopped = false;

  async function show(title, history) {
    last = [title, history];
    setText(caption, t("chart-title", { board: title }));
    const ends = { first: number(history[0].rating), last: number(history.at(-1).rating) };
    canvas.setAttribute("aria-label", t("chart", { count: history.length, ...ends }));
    try {
      const Chart = await fetchLibrary();
      if (stopped) return;
      chart ??= new Chart(canvas, settings(canvas));
    } catch {
      node.hidden = true;
      return;
    }
    const short = new Date(history.at(-1).at) - new Date(history[0].at) < DAY;
    chart.data.labels = history.map((point) => (short ? time(point.at) : date(point.at)));
    chart.data.datasets[0].data = history.map((point) => point.rating);
    chart.options.plugins.tooltip.callbacks.title = ([item]) => dateTime(history[item.dataIndex].at);
    chart.update();
  }

  function again() {
    chart?.destroy();
    chart = undefined;
    if (last) show(...last);
  }

  dark.addEventListener("change", again);
  return {
    node,
    show,
    stop() {
      stopped = true;
      dark.removeEventListener("change", again);
      chart?.destroy();
    },
  };
}
