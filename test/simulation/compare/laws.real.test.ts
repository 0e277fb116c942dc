import './laws.test';
