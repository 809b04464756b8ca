/* Draws the durations of a job's runs with axes, from the numbers that lie in the page, with uPlot. The page has the same
   numbers as a table; without this file that is what it shows. */
'use strict';
(function() {
    const HEIGHT = 300, SHORTEST_STEP = 1;

    function color(name) {
        const probe = document.createElement('span');
        probe.className = name;
        document.body.append(probe);
        const found = getComputedStyle(probe).color;
        probe.remove();
        return found;
    }

    function two(number) {
        return String(number).padStart(2, '0');
    }

    function day(date) {
        return date.getFullYear() + '-' + two(date.getMonth() + 1) + '-' + two(date.getDate());
    }

    function time(date) {
        return two(date.getHours()) + ':' + two(date.getMinutes());
    }

    function crosses(chart, series, first, last) {  // what failed is told by its shape, too
        const path = new Path2D(), size = 4 * devicePixelRatio;
        for (let i = first; i <= last; i++) {
            const value = chart.data[series][i];
            if (value !== null) {
                const x = chart.valToPos(chart.data[0][i], 'x', true), y = chart.valToPos(value, 'y', true);
                path.moveTo(x - size, y - size);
                path.lineTo(x + size, y + size);
                path.moveTo(x + size, y - size);
                path.lineTo(x - size, y + size);
            }
        }
        return {stroke: path};
    }

    function options(told, width) {
        const inZone = seconds => uPlot.tzDate(new Date(seconds * 1000), told.zone);
        const value = (_, seconds) => seconds === null || seconds === undefined ? '–' : window.schedDuration(seconds);
        const axis = {stroke: color('job-axis'), grid: {stroke: color('job-grid'), width: 1}, ticks: {stroke: color('job-grid'), width: 1}};
        const good = color('sched-ink-good'), bad = color('sched-ink-bad'), line = color('job-axis');
        return {
            width, height: HEIGHT, tzDate: inZone, legend: {markers: {show: false}},
            scales: {y: {range: (_, least, most) => [0, (most || 1) * 1.08]}},
            axes: [
                {...axis, space: 90, values: (_, splits, __, ___, step) => splits.map((seconds, i) => {
                    const date = inZone(seconds);
                    if (step >= 86400) {
                        return day(date);
                    }
                    return i === 0 || day(date) !== day(inZone(splits[i - 1])) ? time(date) + '\n' + day(date) : time(date);
                })},
                {...axis, size: 86, values: (_, splits) => splits.map(window.schedDuration)}
            ],
            series: [
                {label: told.words.time, value: (_, seconds) => seconds === null ? '–' : day(inZone(seconds)) + ' ' + time(inZone(seconds))},
                {label: '● ' + told.words.success, value, stroke: good, paths: () => null, points: {show: true, size: 6, stroke: good, fill: good}},
                {label: '✕ ' + told.words.failed, value, stroke: bad, width: 2, paths: crosses, points: {show: false}},
                {label: '— ' + told.words.p50, value, stroke: line, width: 2, points: {show: false}, spanGaps: true},
                {label: '┄ ' + told.words.p95, value, stroke: line, width: 1.5, dash: [6, 4], points: {show: false}, spanGaps: true}
            ]
        };
    }

    function start() {
        const place = document.getElementById('job-durations'), source = document.getElementById('job-durations-data');
        if (!place || !source || typeof uPlot !== 'function') {
            return;
        }
        const told = JSON.parse(source.textContent), data = [told.at, told.success, told.failed, told.p50, told.p95];
        let chart = null;

        function draw() {
            if (chart) {
                chart.destroy();
            }
            chart = new uPlot(options(told, Math.max(place.clientWidth, 200)), data, place);
        }

        draw();
        let width = place.clientWidth;
        new ResizeObserver(() => {
            if (Math.abs(place.clientWidth - width) >= SHORTEST_STEP) {
                width = place.clientWidth;
                chart.setSize({width: Math.max(width, 200), height: HEIGHT});
            }
        }).observe(place);
        matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
        new MutationObserver(draw).observe(document.documentElement, {attributes: true, attributeFilter: ['data-theme']});
    }

    document.readyState === 'loading' ? document.addEventListener('DOMContentLoaded', start) : start();
})();
