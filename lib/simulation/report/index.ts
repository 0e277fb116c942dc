export { htmlReport, type HtmlReportOptions } from './html-report';
export { summaryText } from './summary-text';
