/* Counts on what pages say of the time that passes ("12 s ago", "4.2 s so far"), by the server's clock and in the
   server's words, as scheduler/admin/times.py does; tells the server once in which time zone this browser is. */
'use strict';
(function() {
    const MINUTE = 60, HOUR = 3600, DAY = 86400;
    let words = null, ahead = 0;

    function put(pattern, value) {
        return pattern.replace(/%(?:\.1f|d|s)/, value);
    }

    function twoUnits(seconds, size, unit, partSize, part) {
        const rest = Math.floor(seconds % size / partSize);
        return put(unit, Math.floor(seconds / size)) + (rest ? ' ' + put(part, rest) : '');
    }

    function duration(seconds) {
        seconds = Math.max(0, seconds);
        const whole = Math.round(seconds);
        if (seconds < 0.9995) {
            return put(words.ms, Math.round(seconds * 1000));
        }
        if (seconds < 9.95) {
            return put(words.tenths, seconds.toFixed(1));
        }
        if (whole < MINUTE) {
            return put(words.s, whole);
        }
        if (whole < HOUR) {
            return twoUnits(whole, MINUTE, words.min, 1, words.s);
        }
        return whole < DAY ? twoUnits(whole, HOUR, words.h, MINUTE, words.min) : twoUnits(whole, DAY, words.d, HOUR, words.h);
    }

    function roughly(seconds) {
        if (seconds < MINUTE) {
            return put(words.s, Math.floor(seconds));
        }
        for (const [unit, enough] of [[DAY, 10], [HOUR, 10], [MINUTE, 2]]) {
            if (seconds >= unit) {
                return duration(seconds >= unit * enough ? Math.floor(seconds / unit) * unit : Math.floor(seconds));
            }
        }
        return duration(Math.floor(seconds));
    }

    function relative(seconds) {
        if (Math.abs(seconds) < 1) {
            return words.now;
        }
        return put(seconds > 0 ? words.ahead : words.ago, roughly(Math.abs(seconds)));
    }

    function tick(root) {
        const now = Date.now() + ahead;
        for (const time of root.querySelectorAll('time[data-tick]')) {
            const seconds = (Date.parse(time.dateTime) - now) / 1000;
            const text = time.dataset.tick === 'elapsed' ? duration(-seconds) : relative(seconds);
            if (time.textContent !== text) {
                time.textContent = text;
            }
        }
    }

    function tellZone() {
        const zone = Intl.DateTimeFormat().resolvedOptions().timeZone, known = 'sched_zone=' + zone;
        if (!zone || document.cookie.split('; ').includes(known)) {
            return false;
        }
        document.cookie = known + '; path=/; max-age=31536000; samesite=lax' + (location.protocol === 'https:' ? '; secure' : '');
        return document.cookie.split('; ').includes(known);
    }

    function start() {
        const told = document.getElementById('sched-words');
        if (!told) {
            return;
        }
        words = JSON.parse(told.textContent);
        ahead = Date.parse(words.clock) - Date.now();
        tick(document);
        setInterval(() => document.hidden || tick(document), 1000);
        if (tellZone()) {  // the first page of a browser was made in the server's zone
            document.dispatchEvent(new CustomEvent('sched:refresh'));
        }
    }

    window.schedTick = root => words && tick(root);
    window.schedDuration = seconds => words ? duration(seconds) : seconds + ' s';
    document.readyState === 'loading' ? document.addEventListener('DOMContentLoaded', start) : start();
})();
