/* What the pages cannot do without a script: the theme, copying, and times in the reader's zone.
   Everything else works without. No data is kept but the choice of theme. */
"use strict";
(function () {
  var root = document.documentElement;
  var KEY = "underpin-theme";

  function chosen() {
    try { return localStorage.getItem(KEY); } catch (error) { return null; }
  }

  function isDark() {
    var theme = root.getAttribute("data-theme");
    if (theme) { return theme === "dark"; }
    return window.matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function apply(theme) {
    if (theme === "dark" || theme === "light") { root.setAttribute("data-theme", theme); }
  }

  apply(chosen()); // before the first paint: this file is loaded without "defer" in the head

  function labelTheme() {
    document.querySelectorAll("[data-theme-toggle]").forEach(function (button) {
      button.hidden = false;
      button.textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", isDark() ? "Switch to the light theme" : "Switch to the dark theme");
    });
  }

  function switchTheme() {
    var theme = isDark() ? "light" : "dark";
    apply(theme);
    try { localStorage.setItem(KEY, theme); } catch (error) { /* private mode: holds for this page */ }
    labelTheme();
  }

  function copy(button) {
    var source = document.getElementById(button.getAttribute("data-copy"));
    if (!source || !navigator.clipboard) { return; }
    navigator.clipboard.writeText(source.textContent.trim()).then(function () {
      var before = button.textContent;
      button.textContent = "Copied";
      window.setTimeout(function () { button.textContent = before; }, 1600);
    });
  }

  var SHAPES = {
    moment: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
    full: { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
    date: { year: "numeric", month: "short", day: "numeric" },
    clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" }
  };

  function ago(date) {
    var seconds = Math.round((Date.now() - date.getTime()) / 1000);
    if (seconds < 5) { return "just now"; }
    if (seconds < 90) { return seconds + " s ago"; }
    if (seconds < 5400) { return Math.round(seconds / 60) + " min ago"; }
    if (seconds < 129600) { return Math.round(seconds / 3600) + " h ago"; }
    return Math.round(seconds / 86400) + " days ago";
  }

  function showTimes(within) {
    within.querySelectorAll("time[data-show]").forEach(function (element) {
      var date = new Date(element.getAttribute("datetime"));
      if (isNaN(date.getTime())) { return; }
      var shape = element.getAttribute("data-show");
      element.textContent = shape === "ago" ? ago(date)
        : new Intl.DateTimeFormat("en-GB", SHAPES[shape] || SHAPES.moment).format(date);
    });
  }

  function showCopyButtons(within) {
    if (!navigator.clipboard) { return; }
    within.querySelectorAll("[data-copy]").forEach(function (button) { button.hidden = false; });
  }

  function boxes(name) { return document.querySelectorAll("input[type=checkbox][name=" + name + "]"); }

  // Rows that are ticked in a list: one box for the whole page, and the number beside the form.
  function showChosen() {
    document.querySelectorAll("[data-choose-all]").forEach(function (all) {
      var rows = Array.from(boxes(all.getAttribute("data-choose-all")));
      var count = rows.filter(function (box) { return box.checked; }).length;
      all.hidden = !rows.length;
      all.checked = rows.length > 0 && count === rows.length;
      all.indeterminate = count > 0 && count < rows.length;
    });
    document.querySelectorAll("[data-chosen]").forEach(function (place) {
      var count = Array.from(boxes(place.getAttribute("data-chosen"))).filter(function (box) { return box.checked; }).length;
      place.textContent = count ? count + " chosen" : "";
      if (count && place.closest("details")) { place.closest("details").open = true; }
    });
  }

  function ready() {
    root.classList.add("scripted");
    labelTheme();
    showTimes(document);
    showCopyButtons(document);
    showChosen();
    // What htmx swapped in; it also fires when a swap replaced its own target.
    document.body.addEventListener("htmx:load", function (event) {
      showTimes(event.target);
      showCopyButtons(event.target);
      showChosen();
    });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (!button) { return; }
    if (button.hasAttribute("data-theme-toggle")) { switchTheme(); }
    if (button.hasAttribute("data-copy")) { copy(button); }
  });

  document.addEventListener("change", function (event) {
    if (event.target.hasAttribute("data-choose-all")) {
      boxes(event.target.getAttribute("data-choose-all")).forEach(function (box) { box.checked = event.target.checked; });
    }
    if (event.target.type === "checkbox") { showChosen(); }
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.target.closest("input, select, textarea, [contenteditable]")) { return; }
    var search = document.querySelector("input[type=search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  });

  document.addEventListener("DOMContentLoaded", ready);
  window.setInterval(function () { showTimes(document); }, 30000);
}());
