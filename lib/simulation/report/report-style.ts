/** Style of the report; its hash is in the report's content security policy. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;--ground:#f4f6f8;--panel:#fff;--line:#dde3ea;--text:#16202b;--quiet:#566474;--accent:#0b6e8f;
--good:#136a3c;--bad:#b3261e;--warn:#8a5000;--good-soft:#e0f3e8;--bad-soft:#fce8e6;--warn-soft:#fdf0d9;--accent-soft:#e0f0f6;--grid:#e8ecf1;
--c1:#0072b2;--c2:#0a8f63;--c3:#c2620a;--c4:#8e44ad;--c5:#c2305f;--shadow:0 1px 2px rgb(16 32 48/6%),0 4px 16px rgb(16 32 48/5%)}
@media screen and (prefers-color-scheme:dark){:root{--ground:#0e141b;--panel:#161f29;--line:#2a3644;--text:#e8eef4;--quiet:#9fb0c1;--accent:#5cc3e4;
--good:#5fd39a;--bad:#ff8a80;--warn:#ffc069;--good-soft:#12352a;--bad-soft:#40201f;--warn-soft:#3b2d14;--accent-soft:#123443;--grid:#25303c;
--c1:#56b4e9;--c2:#3ddc97;--c3:#ffb454;--c4:#c49bff;--c5:#ff8ac2;--shadow:none}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1360px;padding:20px 24px 32px;background:var(--ground);color:var(--text);font:15px/1.45 system-ui,-apple-system,
'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-variant-numeric:tabular-nums}
h1,h2,h3,p,dl,dd,ol,ul,figure{margin:0;padding:0}
h1{font-size:22px;line-height:1.15;letter-spacing:-.01em}
h2{font-size:18px;line-height:1.3;overflow-wrap:anywhere}
h3{font-size:16px;line-height:1.3;margin:24px 0 10px}
figure h3{margin:0;font-size:15px}
a{color:var(--accent)}
.quiet{color:var(--quiet);font-size:13px;overflow-wrap:anywhere}
.top{display:flex;gap:12px;align-items:center;margin-bottom:18px}
.top svg{flex:none}
.logo-ground{fill:#0b6e8f}.logo-wave{fill:none;stroke:#fff;stroke-width:2.5;stroke-linecap:round}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin-bottom:12px}
nav a{overflow-wrap:anywhere}
section{margin-bottom:44px}
section>h2:first-child{margin-bottom:10px}
.title{display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center}
.pill,.badge{border-radius:999px;font-weight:600;white-space:nowrap}
.pill{padding:3px 12px;font-size:13px}
.badge{padding:1px 9px;font-size:12px;background:var(--accent-soft);color:var(--accent)}
.good{color:var(--good)}.bad{color:var(--bad)}
.pill.good,.badge.good{background:var(--good-soft);color:var(--good)}
.pill.bad{background:var(--bad-soft)}.pill.warn{background:var(--warn-soft);color:var(--warn)}
.quiet+.scroll,.quiet+.charts{margin-top:10px}
.verdict{margin-top:14px}
.badge.warn{background:var(--warn-soft);color:var(--warn)}
.tiles{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:12px;margin-top:14px}
.tiles>div,figure,.card,.advice li,.scroll,.settings{border:1px solid var(--line);border-radius:12px;background:var(--panel);box-shadow:var(--shadow)}
.tiles>div{display:flex;flex-direction:column;padding:12px 16px;min-width:0}
.tiles dt{color:var(--quiet);font-size:13px}
.tiles dd{font-size:24px;font-weight:650;line-height:1.2;overflow-wrap:anywhere}
.tiles .note{margin-top:auto;padding-top:4px;color:var(--quiet);font-size:12px;font-weight:400}
.card{padding:12px 16px}
.advice{list-style:none;display:grid;gap:10px}
.advice>li{padding:12px 16px;border-left:4px solid var(--accent);overflow-wrap:anywhere}
.advice .scroll{margin-top:8px;display:inline-block;box-shadow:none;border-radius:8px}
.charts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px;margin-top:24px}
figure{padding:14px 16px 12px;min-width:0}
.wide{grid-column:1/-1}
.many{grid-template-columns:repeat(3,minmax(0,1fr))}
.unit{margin:2px 0 10px;color:var(--quiet);font-size:12px;line-height:16px}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 16px;margin:6px 0 8px;font-size:13px}
.legend i{display:inline-block;width:16px;height:0;border-top:3px solid;margin-right:6px;vertical-align:middle;border-radius:2px}
.legend .dashed{border-top-style:dashed;border-top-width:2px}
.legend .area{height:10px;border-top-width:2px;position:relative}
.legend .area::after{content:'';position:absolute;inset:0;background:currentColor;opacity:.25}
.k1{color:var(--c1)}.k2{color:var(--c2)}.k3{color:var(--c3)}.k4{color:var(--c4)}.k5{color:var(--c5)}
.plot{display:grid;grid-template-columns:auto minmax(0,1fr);gap:0 8px}
.y{display:flex;flex-direction:column;justify-content:space-between;margin:-8px 0;text-align:right;color:var(--quiet);font-size:12px;line-height:16px;height:216px}
.field{position:relative;height:200px}
.wide .field:not(.tall){height:260px}.wide .y{height:276px}
.small .field{height:120px}.small .y{height:136px}
.field svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.x{grid-column:2;display:block;width:100%;height:18px;margin-top:4px;overflow:visible}
.x text,.nines text{fill:var(--quiet);font-size:12px}
.zone{grid-column:2;text-align:right;color:var(--quiet);font-size:12px;line-height:16px}
.nines{width:46px;height:300px;overflow:visible}
.field.tall{height:300px}
.scatter .grid,.scatter .objective,.scatter .leader,.scatter .front{fill:none;stroke:var(--grid)}
.scatter .front{stroke:var(--quiet);stroke-opacity:.6}
.scatter .objective{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:5 4}.scatter .leader{stroke:var(--quiet)}
.scatter .label{fill:var(--text);font-size:13px;paint-order:stroke;stroke:var(--panel);stroke-width:4px;stroke-linejoin:round}
.scatter .d1{fill:var(--c1)}.scatter .d2{fill:var(--c2)}.scatter .d3{fill:var(--c3)}.scatter .d4{fill:var(--c4)}.scatter .d5{fill:var(--c5)}
.scatter .cloud{fill-opacity:.45}
.legend .dot{width:10px;height:10px;border:0;border-radius:50%;background:currentColor}
.field path{fill:none;stroke-width:1.75;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.field .grid{stroke:var(--grid);stroke-width:1}
.field .step{stroke-width:2.25}
.field .dashed{stroke-width:1.5;stroke-dasharray:5 4}
.field .mark{stroke:var(--warn);stroke-width:1.5;stroke-dasharray:2 3}
.field .s1{stroke:var(--c1)}.field .s2{stroke:var(--c2)}.field .s3{stroke:var(--c3)}.field .s4{stroke:var(--c4)}.field .s5{stroke:var(--c5)}
.field .f1,.field .f2,.field .f3{stroke:none;fill-opacity:.18}
.field .f1{fill:var(--c1)}.field .f2{fill:var(--c2)}.field .f3{fill:var(--c3)}
.read{position:absolute;inset:0;display:flex;list-style:none}
.read li{flex:1;min-width:0}
.read li:hover{box-shadow:inset 1px 0 var(--quiet)}
.read span{display:none;position:absolute;top:4px;left:4px;max-width:calc(100% - 8px);padding:3px 10px;border:1px solid var(--line);border-radius:8px;
background:var(--panel);box-shadow:var(--shadow);font-size:12px;pointer-events:none}
.read li:nth-child(-n+60):hover span{left:auto;right:4px}
.read li:hover span{display:block}
.scroll{overflow-x:auto;max-height:520px;overflow-y:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:8px 16px;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--quiet);font-weight:400;font-size:13px;white-space:nowrap}
tbody th{font-weight:400}
.figures td,.figures thead th:not(:first-child){text-align:right;white-space:nowrap}
td{overflow-wrap:anywhere}
td:first-child{white-space:nowrap}
time{color:var(--quiet)}
summary{cursor:pointer}
details ul{margin:6px 0 2px 18px;color:var(--quiet);font-size:13px}
.bar{display:block;width:100%;min-width:80px;height:12px;margin-top:4px}.bar rect{fill:var(--c3)}
.settings{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:0 28px;padding:8px 16px}
.settings.one{grid-template-columns:minmax(0,1fr)}
code{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{margin:0;padding:12px 16px;overflow-x:auto;border:1px solid var(--line);border-radius:12px;background:var(--panel);font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.settings>div{display:grid;grid-template-columns:170px minmax(0,1fr);gap:12px;padding:5px 0}
.settings dt{color:var(--quiet);font-size:13px}
.settings dd{font-size:14px;overflow-wrap:anywhere}
.notes{margin:12px 0 0 18px;color:var(--quiet);font-size:13px}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
@media (max-width:900px){.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}.charts,.settings{grid-template-columns:minmax(0,1fr)}.many{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media (max-width:600px){body{padding:14px 12px 24px}.tiles>div{padding:10px 12px}.tiles dd{font-size:20px}figure{padding:12px 10px 10px}
.many{grid-template-columns:minmax(0,1fr)}.wide .field:not(.tall){height:200px}.wide .y{height:216px}.x .second{display:none}.settings>div{grid-template-columns:minmax(0,1fr);gap:0}
th,td{padding:7px 10px}.log thead{display:none}.log tr{display:grid;grid-template-columns:auto 1fr;gap:2px 12px;padding:9px 12px;border-top:1px solid var(--line)}
.log tr:first-child{border-top:0}.log td{padding:0;border:0}.log td:nth-child(n+3){grid-column:1/-1}.bar{min-width:48px}}
@media print{:root{color-scheme:light}.scroll{max-height:none;overflow:visible}.read,nav{display:none}body{max-width:none;padding:0}
figure,.tiles>div,.advice>li,tr{break-inside:avoid}h2,h3{break-after:avoid}.tiles>div,figure,.card,.advice li,.scroll,.settings{box-shadow:none}pre{white-space:pre-wrap}}
`;
