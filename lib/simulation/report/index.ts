export { htmlReport } from './html-report';
export { summaryText } from './summary-text';
