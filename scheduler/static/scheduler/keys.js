/* The keyboard: / searches, j and k go through the rows, g and a letter opens a page, ? tells all of it. Keys that are
   typed into a field, or with Ctrl, Alt or Meta, are left alone; whoever wants none of it switches it off. */
'use strict';
(function() {
    const OFF = 'sched_keys_off', SECOND_KEY = 1500;
    const FIELDS = 'input:not([type="checkbox"], [type="radio"], [type="button"], [type="submit"]), textarea, select, [contenteditable]';
    const ROWS = '#result_list tbody tr, .sched-table tbody tr';
    let off = false, asked = -Infinity;

    function remembered() {
        try {
            return localStorage.getItem(OFF) === 'yes';
        } catch (error) {  // a browser that keeps nothing
            return off;
        }
    }

    function remember(value) {
        off = value;
        try {
            value ? localStorage.setItem(OFF, 'yes') : localStorage.removeItem(OFF);
        } catch (error) {
            // it holds until the page is left
        }
    }

    function search() {
        const field = document.querySelector('#searchbar, .sched-filter-box input');
        if (field) {
            field.focus();
            field.select();
        }
        return field !== null;
    }

    function step(by) {
        const rows = Array.from(document.querySelectorAll(ROWS)).filter(row => row.offsetParent !== null);
        const here = rows.indexOf(document.activeElement.closest('tr'));
        const row = rows[here < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, here + by))];
        if (row) {
            const link = row.querySelector('a.sched-main, .sched-main a, a[href]');
            if (!link) {
                row.tabIndex = -1;
            }
            (link || row).focus();
            row.scrollIntoView({block: 'nearest'});
        }
        return row !== undefined;
    }

    function open(key) {
        const link = document.querySelector(`.sched-nav a[data-key="${CSS.escape(key)}"]`);
        if (link) {
            link.click();
        }
        return link !== null;
    }

    function obey(event, help) {
        if (event.timeStamp - asked < SECOND_KEY) {
            asked = -Infinity;
            return open(event.key);
        }
        switch (event.key) {
        case '/': return search();
        case 'j': return step(1);
        case 'k': return step(-1);
        case '?': help.showModal(); return true;
        case 'g': asked = event.timeStamp; return true;
        default: return false;
        }
    }

    function start() {
        const help = document.getElementById('sched-keys'), button = document.querySelector('.sched-keys-open');
        if (!help) {
            return;
        }
        const choice = help.querySelector('input');
        choice.checked = !remembered();
        choice.addEventListener('change', () => remember(!choice.checked));
        button.hidden = false;
        button.addEventListener('click', () => help.showModal());
        document.addEventListener('keydown', event => {
            const typing = event.target.closest && event.target.closest(FIELDS);
            const meant = !event.ctrlKey && !event.altKey && !event.metaKey && !event.isComposing && !event.defaultPrevented;
            if (meant && !typing && !help.open && !remembered() && obey(event, help)) {
                event.preventDefault();
            }
        });
    }

    document.readyState === 'loading' ? document.addEventListener('DOMContentLoaded', start) : start();
})();
